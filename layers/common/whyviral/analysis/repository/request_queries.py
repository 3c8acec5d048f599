"""The queries of requests: for the users who own them, and for their admission and retry."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ScalarSelect,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session, defer, selectinload

from whyviral.analysis.models import (
    AnalysisRequestPost,
    AnalysisStatus,
    PostAnalysis,
    PostAnalysisRequest,
    PostState,
    RequestStatus,
)
from whyviral.analysis.sharing.models import ShareLink
from whyviral.analysis.suggestions.repository import suggestions_of_request
from whyviral.analysis.user_requests.views import is_view_due
from whyviral.core.pagination import Page, PageQuery
from whyviral.core.telemetry import trace
from whyviral.social.models import DEAD_LINK, PlatformRow, Post, PostMedia


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
