"""The route that streams the progress of an analysis request."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from sqlalchemy import Engine

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import Services, ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from functions.api.streams.events import FailureEvent, LastEventId, UnknownEventId, stream_responses, with_failures
from whyviral.analysis.models import RequestStatus
from whyviral.analysis.schemas import StatusOut
from whyviral.analysis.service import RequestNotFound
from whyviral.analysis.user_requests.progress import Progress, find_progress
from whyviral.core.database import reading_session

POLL_INTERVAL_S = 1.0
RECONNECT_MS = 1_000

router = APIRouter(
    prefix="/api/analysis", tags=["analysis"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)


class EndEvent(BaseModel):
    """The data of an event `end`: the request has ended, so no more steps follow."""

    status: RequestStatus


class ProgressEvent(BaseModel):
    """One event of the stream: the field with the name of the event holds its data."""

    status: StatusOut | None = None
    end: EndEvent | None = None
    error: FailureEvent | None = None


@dataclass(frozen=True, slots=True)
class ProgressStart:
    """A request that its user may follow, and where the stream starts."""

    user_id: uuid.UUID
    request_id: uuid.UUID
    after_seq: int


def get_start(
    request_id: uuid.UUID, user: CurrentUser, session: SessionDep, last_event_id: LastEventId = None
) -> ProgressStart:
    """Return where the stream starts.

    A dependency raises every refusal, because a stream has no status left to refuse with. Its transaction ends before
    the first event.

    Raises:
        RequestNotFound: the request does not exist or is not the user's.
        UnknownEventId: `Last-Event-ID` is beyond the last step of the request.
    """
    after_seq = int(last_event_id or 0)
    progress = find_progress(session, user.id, request_id, after_seq=after_seq)
    if progress is None:
        raise RequestNotFound(request_id)
    if after_seq > progress.last_seq:
        raise UnknownEventId(after_seq, progress.last_seq)
    return ProgressStart(user.id, request_id, after_seq)


type ProgressStartDep = Annotated[ProgressStart, Depends(get_start, scope="function")]


@router.get(
    "/requests/{request_id}/events/",
    response_class=EventSourceResponse,
    responses=stream_responses(ProgressEvent, RequestNotFound, UnknownEventId),
)
async def stream_progress(
    request: Request, start: ProgressStartDep, services: ServicesDep
) -> AsyncIterator[ServerSentEvent]:
    """Stream the steps of a request after `Last-Event-ID`: events `status`, and `end` when the request ends.

    The `id` of a step is its `seq`. A stream of a running request ends after 120 seconds; reconnect with
    `Last-Event-ID` to continue. A failure is sent as an event `error`.
    """
    async for event in with_failures(request, _follow(start, services)):
        yield event


async def _follow(start: ProgressStart, services: Services) -> AsyncIterator[ServerSentEvent]:
    """Poll the history once a second. Between two polls the stream holds no database connection."""
    deadline_mono_s = services.monotonic() + services.progress_stream_s
    after_seq = start.after_seq
    yield ServerSentEvent(retry=RECONNECT_MS)
    while True:
        async with services.connections:
            progress = await services.run(_read, services.engine, start, after_seq)
        for step in progress.steps:
            after_seq = step.seq
            yield ServerSentEvent(event="status", id=str(step.seq), data=step)
        if progress.has_ended:
            yield ServerSentEvent(event="end", data=EndEvent(status=progress.status))
            return
        if services.monotonic() >= deadline_mono_s:
            return
        await services.sleep(POLL_INTERVAL_S)


def _read(engine: Engine, start: ProgressStart, after_seq: int) -> Progress:
    with reading_session(engine) as session:
        progress = find_progress(session, start.user_id, start.request_id, after_seq=after_seq)
        session.commit()
    if progress is None:  # deleted since the last poll
        raise RequestNotFound(start.request_id)
    return progress
