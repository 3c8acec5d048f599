"""Every query of analyses, for the pipeline and for the users who own them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ScalarSelect,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, defer, selectinload

from whyviral.analysis.explanation.provenance import MEASURED
from whyviral.core.pagination import Page, PageQuery
from whyviral.core.telemetry import trace
from whyviral.social.models import DEAD_LINK, PlatformRow, Post, PostActivity, PostComments, PostMedia, UserPostActivity

from .models import AnalysisRequestPost, AnalysisStatus, PostAnalysis, PostAnalysisRequest, PostState, RequestStatus
from .sharing.models import ShareLink
from .suggestions.repository import suggestions_of_request
from .user_requests.views import is_view_due

_UNFINISHED = (RequestStatus.PENDING, RequestStatus.PROCESSING)


@dataclass(frozen=True, slots=True)
class ReopenedPost:
    """One URL of a request that is retried."""

    url: str
    is_partial: bool
    """The URL has a partial analysis, which was charged."""
    has_dead_links: bool
    """The post is fetched again because its media links have expired."""


@dataclass(frozen=True, slots=True)
class RequestWithParts:
    """A request and its parts, each a list of rows as JSON."""

    request: PostAnalysisRequest
    status_history: list[dict[str, Any]]
    posts: list[dict[str, Any]]
    post_analyses: list[dict[str, Any]]
    suggestions: list[dict[str, Any]]
    """The suggestions of all analyses, as `suggestions_of_request` returns them."""
    is_shared: bool
    is_view_due: bool
    """The user has not viewed all of the posts recently."""


def readable_request(user_id: Any, request_id: Any) -> ColumnElement[bool]:
    """Return the condition for a request that the user may see: it is theirs, and they have not deleted it."""
    return and_(
        PostAnalysisRequest.id == request_id,
        PostAnalysisRequest.user_id == user_id,
        PostAnalysisRequest.deleted_at.is_(None),
    )


def insert_requests(
    session: Session,
    user_id: uuid.UUID,
    rows: Sequence[dict[str, Any]],
    *,
    posts: Sequence[dict[str, Any]],
    statuses: Sequence[dict[str, Any]],
) -> list[tuple[PostAnalysisRequest, bool]]:
    """Insert requests of this user with their URLs and first status steps, in one statement.

    Returns:
        Each request with whether its platform is active, in the order given.
    """
    is_active = PostAnalysisRequest.platform.in_(select(PlatformRow.slug).where(PlatformRow.is_active))
    statement = (
        insert(PostAnalysisRequest)
        .values([row | {"user_id": user_id} for row in rows])
        .returning(PostAnalysisRequest, is_active)
        .add_cte(insert(AnalysisStatus).values(statuses).cte("new_statuses"))
    )
    if posts:
        statement = statement.add_cte(insert(AnalysisRequestPost).values(posts).cte("new_posts"))
    inserted = {request.id: (request, active) for request, active in session.execute(statement)}
    return [inserted[row["id"]] for row in rows]


def insert_request_posts(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert URLs of a request whose posts were chosen after its admission."""
    session.execute(insert(AnalysisRequestPost).values(list(rows)))


def insert_statuses(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert status steps."""
    session.execute(insert(AnalysisStatus).values(rows))


def find_request_with_parts(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> RequestWithParts | None:
    """Return a request of the user with its history, URLs and analyses, in one statement."""
    found = session.execute(_REQUEST_WITH_PARTS, {"user_id": user_id, "request_id": request_id}).one_or_none()
    return None if found is None else RequestWithParts(*found)


def _as_json(table: type[AnalysisStatus | AnalysisRequestPost | PostAnalysis], order: str) -> ScalarSelect[Any]:
    """Return the rows of a request in a table as one JSON array, which is cheaper to read than ORM objects."""
    own = select(table.__table__).where(table.request_id == PostAnalysisRequest.id).correlate(PostAnalysisRequest)
    rows = own.subquery("own")
    in_order = aggregate_order_by(func.row_to_json(literal_column(rows.name)), rows.c[order])
    none: ColumnElement[Any] = literal_column("'[]'::json")
    return select(func.coalesce(func.json_agg(in_order), none, type_=JSON)).select_from(rows).scalar_subquery()


_REQUEST_WITH_PARTS = select(
    PostAnalysisRequest,
    _as_json(AnalysisStatus, "seq"),
    _as_json(AnalysisRequestPost, "position"),
    _as_json(PostAnalysis, "created_at"),
    suggestions_of_request(),
    exists().where(ShareLink.request_id == PostAnalysisRequest.id),
    is_view_due(),
).where(readable_request(bindparam("user_id"), bindparam("request_id")))
"""Built once, because building it takes longer than the database takes to answer it."""


def lock_request(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> PostAnalysisRequest | None:
    """Lock and return a request of the user, so that no other transaction starts or ends an attempt of it."""
    return session.scalar(select(PostAnalysisRequest).where(readable_request(user_id, request_id)).with_for_update())


def start_attempt(
    session: Session, request: PostAnalysisRequest, *, execution_arn: str, now: datetime
) -> PostAnalysisRequest:
    """Start the next attempt of an ended request, whose row is locked."""
    values = {
        "status": RequestStatus.PENDING,
        "attempt": request.attempt + 1,
        "retry_count": request.retry_count + 1,
        "status_seq": request.status_seq + 1,
        "attempt_started_at": now,
        "execution_arn": execution_arn,
        "trace_id": trace.current(),
        **dict.fromkeys(("error_stage", "error_category", "error_details", "finished_at")),
    }
    statement = update(PostAnalysisRequest).where(PostAnalysisRequest.id == request.id).values(values)
    return session.scalars(
        statement.returning(PostAnalysisRequest), execution_options={"populate_existing": True}
    ).one()


def reopen_posts(session: Session, request: PostAnalysisRequest) -> Sequence[ReopenedPost]:
    """Reset the posts of an ended, locked request that lack a complete analysis to the first stage they still need.

    One statement for any number of posts. A post that was never fetched or has dead media links becomes PENDING, one
    with a missing file FETCHED, and any other COLLECTED.
    """
    post_id = AnalysisRequestPost.post_id
    is_fetched = exists().where(Post.id == post_id, Post.fetched_at.is_not(None))
    has_dead_links = exists().where(PostMedia.post_id == post_id, PostMedia.error.has_key(DEAD_LINK))
    lacks_file = exists().where(
        PostMedia.post_id == post_id, PostMedia.storage_path.is_(None), PostMedia.is_page.is_(False)
    )
    state = case(
        (not_(is_fetched) | has_dead_links, PostState.PENDING),
        (lacks_file, PostState.FETCHED),
        else_=PostState.COLLECTED,
    )
    columns = (AnalysisRequestPost.url, AnalysisRequestPost.is_partial, has_dead_links)
    rows = session.execute(
        update(AnalysisRequestPost)
        .where(
            AnalysisRequestPost.request_id == request.id,
            or_(AnalysisRequestPost.state != PostState.ANALYSED, AnalysisRequestPost.is_partial),
        )
        .values(state=state, **dict.fromkeys(("error_stage", "error_category", "error", "error_details")))
        .returning(*columns)
        .execution_options(synchronize_session=False)
    )
    return [ReopenedPost(*row) for row in rows]


def is_owner(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> bool:
    """Return whether the request exists and is the user's."""
    owned = exists().where(readable_request(user_id, request_id))
    return bool(session.scalar(select(owned)))


def list_posts_page(session: Session, user_id: uuid.UUID, request_id: uuid.UUID, number: int) -> Page[Post]:
    """Return one page of a request's fetched posts with their media, in the order of its URLs.

    The columns that only the pipeline reads are not loaded, because they are most of a row.
    """
    return _POSTS.read(session, number, {"user_id": user_id, "request_id": request_id})


_POSTS = PageQuery(
    select(Post)
    .join(AnalysisRequestPost, AnalysisRequestPost.post_id == Post.id)
    .join(PostAnalysisRequest, PostAnalysisRequest.id == AnalysisRequestPost.request_id)
    .where(readable_request(bindparam("user_id"), bindparam("request_id")))
    .order_by(AnalysisRequestPost.position)
    .options(
        defer(Post.raw, raiseload=True),
        selectinload(Post.media).defer(PostMedia.segments, raiseload=True),
    )
)


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
