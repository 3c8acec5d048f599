"""The progress of a request as its user follows it: the steps after a given one, and whether the request has ended."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from whyviral.analysis.models import AnalysisStatus, PostAnalysisRequest, RequestStatus
from whyviral.analysis.repository.request_queries import readable_request
from whyviral.analysis.schemas import StatusOut

_ENDED = frozenset({RequestStatus.COMPLETED, RequestStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a request, and its steps after a given one."""

    status: RequestStatus
    last_seq: int
    """The number of the request's last step."""
    steps: Sequence[StatusOut]

    @property
    def has_ended(self) -> bool:
        """Whether no step follows `steps`, unless the user retries the request."""
        return self.status in _ENDED


def find_progress(
    session: Session, user_id: uuid.UUID, request_id: uuid.UUID, *, after_seq: int = 0
) -> Progress | None:
    """Return the steps of the user's request after step `after_seq`, in one statement; None if it was not found."""
    values = {"user_id": user_id, "request_id": request_id, "after_seq": after_seq}
    found = session.execute(_PROGRESS, values).all()
    if not found:
        return None
    status, last_seq, _ = found[0]
    steps = [StatusOut.model_validate(step) for _, _, step in found if step is not None]
    return Progress(RequestStatus(status), last_seq, steps)


_PROGRESS = (
    select(PostAnalysisRequest.status, PostAnalysisRequest.status_seq, AnalysisStatus)
    .outerjoin(
        AnalysisStatus,
        (AnalysisStatus.request_id == PostAnalysisRequest.id) & (AnalysisStatus.seq > bindparam("after_seq")),
    )
    .where(readable_request(bindparam("user_id"), bindparam("request_id")))
    .order_by(AnalysisStatus.seq)
)
"""Built once, because streams run it every second."""
