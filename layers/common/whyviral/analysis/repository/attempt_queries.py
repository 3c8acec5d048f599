"""The queries of the pipeline: what an attempt reads, saves and costs."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, selectinload

from whyviral.analysis.explanation.provenance import MEASURED
from whyviral.analysis.models import (
    AnalysisRequestPost,
    AnalysisStatus,
    PostAnalysis,
    PostAnalysisRequest,
    PostState,
    RequestStatus,
)
from whyviral.social.models import Post, PostActivity, PostComments, UserPostActivity

_UNFINISHED = (RequestStatus.PENDING, RequestStatus.PROCESSING)


def lock_current(session: Session, request_id: uuid.UUID, attempt: int) -> PostAnalysisRequest | None:
    """Lock and return the request if `attempt` is its current attempt and has not ended."""
    current = select(PostAnalysisRequest).where(_is_current(request_id, attempt))
    return session.scalar(current.with_for_update(of=PostAnalysisRequest))


def list_request_posts(session: Session, request_id: uuid.UUID) -> list[AnalysisRequestPost]:
    """Return the URLs of a request in order."""
    return list(
        session.scalars(
            select(AnalysisRequestPost)
            .where(AnalysisRequestPost.request_id == request_id)
            .order_by(AnalysisRequestPost.position)
        )
    )


def list_request_posts_with_media(session: Session, request_id: uuid.UUID) -> list[AnalysisRequestPost]:
    """Return the URLs of a request in order, each with its post and the post's media."""
    return list(
        session.scalars(
            select(AnalysisRequestPost)
            .where(AnalysisRequestPost.request_id == request_id)
            .order_by(AnalysisRequestPost.position)
            .options(selectinload(AnalysisRequestPost.post).selectinload(Post.media))
        )
    )


def set_baseline(
    session: Session,
    request_id: uuid.UUID,
    request_post_ids: Sequence[uuid.UUID],
    *,
    baseline_id: uuid.UUID | None,
    reason: str | None,
) -> None:
    """Name the list with which posts of a request are compared, or the reason why there is none."""
    session.execute(
        update(AnalysisRequestPost)
        .where(AnalysisRequestPost.request_id == request_id, AnalysisRequestPost.id.in_(request_post_ids))
        .values(creator_baseline_id=baseline_id, baseline_reason=reason)
        .execution_options(synchronize_session=False)
    )


def list_fetched_posts(session: Session, request_id: uuid.UUID) -> list[Post]:
    """Return the fetched posts of a request, in the order of its URLs."""
    return list(
        session.scalars(
            select(Post)
            .join(AnalysisRequestPost, AnalysisRequestPost.post_id == Post.id)
            .where(AnalysisRequestPost.request_id == request_id)
            .order_by(AnalysisRequestPost.position)
        )
    )


def find_request_post(
    session: Session, request_id: uuid.UUID, request_post_id: uuid.UUID
) -> AnalysisRequestPost | None:
    """Return one URL of a request with its post and the post's media."""
    return session.scalar(
        select(AnalysisRequestPost)
        .where(AnalysisRequestPost.id == request_post_id, AnalysisRequestPost.request_id == request_id)
        .options(selectinload(AnalysisRequestPost.post).selectinload(Post.media))
    )


def list_comments(session: Session, post_id: uuid.UUID) -> list[dict[str, Any]]:
    """Return the saved comments of a post, most relevant first."""
    comments = session.scalar(select(PostComments.comments).where(PostComments.post_id == post_id))
    return comments or []


def find_status(
    session: Session, request_id: uuid.UUID, *, attempt: int, stage: str, message: str
) -> AnalysisStatus | None:
    """Return a step of this attempt with the same stage and message."""
    return session.scalar(
        select(AnalysisStatus)
        .where(
            AnalysisStatus.request_id == request_id,
            AnalysisStatus.attempt == attempt,
            AnalysisStatus.stage == stage,
            AnalysisStatus.message == message,
        )
        .limit(1)
    )


def cost_before(request_id: uuid.UUID, seq: int) -> ColumnElement[Decimal]:
    """Return the cost of the request at the step before `seq`, as an expression for the insert of the step."""
    before = select(AnalysisStatus.cost_usd).where(
        AnalysisStatus.request_id == request_id, AnalysisStatus.seq == seq - 1
    )
    return func.coalesce(before.scalar_subquery(), 0)


def reserve_cost(session: Session, request_id: uuid.UUID, attempt: int, usd: Decimal, *, max_usd: Decimal) -> bool:
    """Count a call of the current attempt and reserve its maximum cost, if the request's total stays in `max_usd`."""
    committed_usd = PostAnalysisRequest.cost_usd + PostAnalysisRequest.reserved_usd
    reserved = (
        update(PostAnalysisRequest)
        .where(_is_current(request_id, attempt), committed_usd + usd <= max_usd)
        .values(
            total_api_calls=PostAnalysisRequest.total_api_calls + 1,
            reserved_usd=PostAnalysisRequest.reserved_usd + usd,
        )
        .returning(PostAnalysisRequest.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(reserved) is not None


def is_current(session: Session, request_id: uuid.UUID, attempt: int) -> bool:
    """Return whether an attempt is the current one and has not ended."""
    return bool(session.scalar(select(exists().where(_is_current(request_id, attempt)))))


def _is_current(request_id: uuid.UUID, attempt: int) -> ColumnElement[bool]:
    return and_(
        PostAnalysisRequest.id == request_id,
        PostAnalysisRequest.attempt == attempt,
        PostAnalysisRequest.status.in_(_UNFINISHED),
    )


def settle_cost(
    session: Session, request_id: uuid.UUID, *, calls: int, cost_usd: Decimal, released_usd: Decimal
) -> None:
    """Add calls and costs of any attempt to the request, and release their reservation."""
    session.execute(
        update(PostAnalysisRequest)
        .where(PostAnalysisRequest.id == request_id)
        .values(
            total_api_calls=PostAnalysisRequest.total_api_calls + calls,
            cost_usd=PostAnalysisRequest.cost_usd + cost_usd,
            reserved_usd=PostAnalysisRequest.reserved_usd - released_usd,
        )
        .execution_options(synchronize_session=False)
    )


def save_analysis(session: Session, request_id: uuid.UUID, post_id: uuid.UUID, values: dict[str, Any]) -> uuid.UUID:
    """Save the analysis of a post, replacing an earlier one of the same request, and return its id."""
    saved = (
        upsert(PostAnalysis)
        .values(request_id=request_id, post_id=post_id, **values)
        .on_conflict_do_update(
            index_elements=[PostAnalysis.request_id, PostAnalysis.post_id],
            set_=values | {"updated_at": func.now()},
        )
        .returning(PostAnalysis.id)
    )
    return session.scalars(saved).one()


def find_question_sha256(session: Session, request_id: uuid.UUID, post_id: uuid.UUID) -> str | None:
    """Return the digest of the question that a saved analysis answers."""
    return session.scalar(
        select(PostAnalysis.metadata_used["question_sha256"].astext).where(
            PostAnalysis.request_id == request_id, PostAnalysis.post_id == post_id
        )
    )


def record_analysed_posts(session: Session, request: PostAnalysisRequest) -> None:
    """Record the explained posts as activities of the request's user, or update the time of earlier activities."""
    analysed = select(
        literal(request.user_id), AnalysisRequestPost.post_id, literal(PostActivity.ANALYSED, Text)
    ).where(AnalysisRequestPost.request_id == request.id, AnalysisRequestPost.state == PostState.ANALYSED)
    session.execute(
        upsert(UserPostActivity)
        .from_select(["user_id", "post_id", "activity"], analysed)
        .on_conflict_do_update(
            index_elements=[UserPostActivity.user_id, UserPostActivity.post_id, UserPostActivity.activity],
            set_={"updated_at": func.now()},
        )
    )


def count_viral_posts(session: Session, request_id: uuid.UUID) -> int:
    """Return how many posts of the request are viral."""
    viral = select(func.count(PostAnalysis.id)).where(PostAnalysis.request_id == request_id, PostAnalysis.is_viral)
    return session.scalar(viral) or 0


def count_measured_posts(session: Session, request_id: uuid.UUID) -> int:
    """Return how many posts of the request were explained from measurements, without a model."""
    is_measured = PostAnalysis.metadata_used["provider"].as_string() == MEASURED
    measured = select(func.count(PostAnalysis.id)).where(PostAnalysis.request_id == request_id, is_measured)
    return session.scalar(measured) or 0


def list_unfinished(
    session: Session, *, started_before: datetime, limit: int, execution_prefix: str
) -> Sequence[PostAnalysisRequest]:
    """Return unfinished requests whose attempt was admitted before a time: first those never started, oldest first."""
    conditions = [
        PostAnalysisRequest.status.in_(_UNFINISHED),
        PostAnalysisRequest.attempt_started_at < started_before,
    ]
    if execution_prefix:
        conditions.append(PostAnalysisRequest.execution_arn.startswith(execution_prefix, autoescape=True))
    has_started = PostAnalysisRequest.status != RequestStatus.PENDING
    return session.scalars(
        select(PostAnalysisRequest)
        .where(*conditions)
        .order_by(has_started, PostAnalysisRequest.attempt_started_at)
        .limit(limit)
    ).all()


def find_last_stage(session: Session, request_id: uuid.UUID, *, attempt: int) -> str | None:
    """Return the stage of an attempt's last step."""
    return session.scalar(
        select(AnalysisStatus.stage)
        .where(AnalysisStatus.request_id == request_id, AnalysisStatus.attempt == attempt)
        .order_by(AnalysisStatus.seq.desc())
        .limit(1)
    )
