"""Every query of analyses."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Text, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, selectinload

from whyviral.core.pagination import PAGE_SIZE, Page, offset_of
from whyviral.social.models import Post, PostActivity, PostComments, UserPostActivity

from .models import (
    AnalysisRequestPost,
    AnalysisStatus,
    PostAnalysis,
    PostAnalysisRequest,
    PostState,
    RequestStatus,
)

_UNFINISHED = (RequestStatus.PENDING, RequestStatus.PROCESSING)


class RequestRepository:
    """Analysis requests as their owner sees them: every query takes the owner's id."""

    def __init__(self, session: Session, user_id: uuid.UUID) -> None:
        self._session = session
        self._user_id = user_id

    def insert(self, rows: Sequence[dict[str, Any]]) -> list[PostAnalysisRequest]:
        """Insert requests of this user; the returned rows are in the order given."""
        statement = insert(PostAnalysisRequest).values([row | {"user_id": self._user_id} for row in rows])
        inserted = {row.id: row for row in self._session.scalars(statement.returning(PostAnalysisRequest))}
        return [inserted[row["id"]] for row in rows]

    def insert_posts(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert the URLs of requests."""
        self._session.execute(insert(AnalysisRequestPost).values(rows))

    def insert_statuses(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert steps of requests."""
        self._session.execute(insert(AnalysisStatus).values(rows))

    def list_page(self, number: int) -> Page[PostAnalysisRequest]:
        """Return one page of the user's requests, newest first."""
        own = PostAnalysisRequest.user_id == self._user_id
        count = self._session.scalar(select(func.count()).select_from(PostAnalysisRequest).where(own)) or 0
        rows = self._session.scalars(
            select(PostAnalysisRequest)
            .where(own)
            .order_by(PostAnalysisRequest.created_at.desc(), PostAnalysisRequest.id)
            .limit(PAGE_SIZE)
            .offset(offset_of(number))
        ).all()
        return Page(rows=rows, count=count, number=number)

    def find_detail(self, request_id: uuid.UUID) -> PostAnalysisRequest | None:
        """Return a request of the user with its history, URLs and analyses."""
        return self._session.scalar(
            select(PostAnalysisRequest)
            .where(PostAnalysisRequest.id == request_id, PostAnalysisRequest.user_id == self._user_id)
            .options(
                selectinload(PostAnalysisRequest.status_history),
                selectinload(PostAnalysisRequest.posts),
                selectinload(PostAnalysisRequest.post_analyses),
            )
        )

    def is_owner(self, request_id: uuid.UUID) -> bool:
        """Whether the request exists and is the user's."""
        return (
            self._session.scalar(
                select(PostAnalysisRequest.id).where(
                    PostAnalysisRequest.id == request_id, PostAnalysisRequest.user_id == self._user_id
                )
            )
            is not None
        )

    def list_posts_page(self, request_id: uuid.UUID, number: int) -> Page[Post]:
        """Return one page of a request's readable posts with their media, in the order of its URLs."""
        joined = (
            select(Post)
            .join(AnalysisRequestPost, AnalysisRequestPost.post_id == Post.id)
            .join(PostAnalysisRequest, PostAnalysisRequest.id == AnalysisRequestPost.request_id)
            .where(PostAnalysisRequest.id == request_id, PostAnalysisRequest.user_id == self._user_id)
        )
        count = self._session.scalar(select(func.count()).select_from(joined.subquery())) or 0
        rows = self._session.scalars(
            joined.order_by(AnalysisRequestPost.position)
            .limit(PAGE_SIZE)
            .offset(offset_of(number))
            .options(selectinload(Post.media))
        ).all()
        return Page(rows=rows, count=count, number=number)


class PipelineRepository:
    """Analysis requests as the pipeline sees them: every change is fenced by the request's attempt."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock_current(self, request_id: uuid.UUID, attempt: int) -> PostAnalysisRequest | None:
        """Lock and return the request if `attempt` is still the current one and has no end yet."""
        return self._session.scalar(
            select(PostAnalysisRequest)
            .where(
                PostAnalysisRequest.id == request_id,
                PostAnalysisRequest.attempt == attempt,
                PostAnalysisRequest.status.in_(_UNFINISHED),
            )
            .with_for_update(of=PostAnalysisRequest)
        )

    def list_posts(self, request_id: uuid.UUID) -> list[AnalysisRequestPost]:
        """Return the URLs of a request in their order."""
        return list(
            self._session.scalars(
                select(AnalysisRequestPost)
                .where(AnalysisRequestPost.request_id == request_id)
                .order_by(AnalysisRequestPost.position)
            )
        )

    def list_fetched(self, request_id: uuid.UUID) -> list[Post]:
        """Return the posts of a request that we have, in the order of its URLs."""
        return list(
            self._session.scalars(
                select(Post)
                .join(AnalysisRequestPost, AnalysisRequestPost.post_id == Post.id)
                .where(AnalysisRequestPost.request_id == request_id)
                .order_by(AnalysisRequestPost.position)
            )
        )

    def find_post(self, request_id: uuid.UUID, request_post_id: uuid.UUID) -> AnalysisRequestPost | None:
        """Return one URL of a request with its post and the post's media."""
        return self._session.scalar(
            select(AnalysisRequestPost)
            .where(AnalysisRequestPost.id == request_post_id, AnalysisRequestPost.request_id == request_id)
            .options(selectinload(AnalysisRequestPost.post).selectinload(Post.media))
        )

    def find_comments(self, post_id: uuid.UUID) -> list[dict[str, Any]]:
        """Return the comments that the platform gave us with a post, the most relevant first."""
        comments = self._session.scalar(select(PostComments.comments).where(PostComments.post_id == post_id))
        return comments or []

    def find_status(self, request_id: uuid.UUID, *, attempt: int, stage: str, progress: int) -> AnalysisStatus | None:
        """Return a step of this attempt that already says as much."""
        return self._session.scalar(
            select(AnalysisStatus)
            .where(
                AnalysisStatus.request_id == request_id,
                AnalysisStatus.attempt == attempt,
                AnalysisStatus.stage == stage,
                AnalysisStatus.progress >= progress,
            )
            .limit(1)
        )

    def cost_before(self, request_id: uuid.UUID, seq: int) -> ColumnElement[Decimal]:
        """Return what the request had cost at the step before `seq`, as part of the statement that adds the step."""
        before = select(AnalysisStatus.cost_usd).where(
            AnalysisStatus.request_id == request_id, AnalysisStatus.seq == seq - 1
        )
        return func.coalesce(before.scalar_subquery(), 0)

    def add_status(self, status: AnalysisStatus) -> None:
        """Append a step."""
        self._session.add(status)

    def reserve(self, request_id: uuid.UUID, attempt: int, usd: Decimal, *, most_usd: Decimal) -> bool:
        """Count a call of the current attempt and reserve what it may cost, as long as all stays below `most_usd`."""
        taken = PostAnalysisRequest.cost_usd + PostAnalysisRequest.reserved_usd
        reserved = (
            update(PostAnalysisRequest)
            .where(
                PostAnalysisRequest.id == request_id,
                PostAnalysisRequest.attempt == attempt,
                PostAnalysisRequest.status.in_(_UNFINISHED),
                taken + usd <= most_usd,
            )
            .values(
                total_api_calls=PostAnalysisRequest.total_api_calls + 1,
                reserved_usd=PostAnalysisRequest.reserved_usd + usd,
            )
            .returning(PostAnalysisRequest.id)
            .execution_options(synchronize_session=False)
        )
        return self._session.scalar(reserved) is not None

    def is_current(self, request_id: uuid.UUID, attempt: int) -> bool:
        """Whether an attempt is the current one and has no end yet."""
        current = select(PostAnalysisRequest.id).where(
            PostAnalysisRequest.id == request_id,
            PostAnalysisRequest.attempt == attempt,
            PostAnalysisRequest.status.in_(_UNFINISHED),
        )
        return self._session.scalar(current) is not None

    def book(self, request_id: uuid.UUID, *, calls: int, cost_usd: Decimal, released_usd: Decimal) -> None:
        """Count calls and money on the request, whichever attempt spent them, and give back what was reserved."""
        self._session.execute(
            update(PostAnalysisRequest)
            .where(PostAnalysisRequest.id == request_id)
            .values(
                total_api_calls=PostAnalysisRequest.total_api_calls + calls,
                cost_usd=PostAnalysisRequest.cost_usd + cost_usd,
                reserved_usd=PostAnalysisRequest.reserved_usd - released_usd,
            )
            .execution_options(synchronize_session=False)
        )

    def save_analysis(self, request_id: uuid.UUID, post_id: uuid.UUID, values: dict[str, Any]) -> None:
        """Save the analysis of a post, overwriting an earlier one of the same request."""
        self._session.execute(
            upsert(PostAnalysis)
            .values(request_id=request_id, post_id=post_id, **values)
            .on_conflict_do_update(
                index_elements=[PostAnalysis.request_id, PostAnalysis.post_id],
                set_=values | {"updated_at": func.now()},
            )
        )

    def record_analysed(self, request: PostAnalysisRequest) -> None:
        """Note for the request's user which posts were explained, again for those that had been before."""
        analysed = select(
            literal(request.user_id), AnalysisRequestPost.post_id, literal(PostActivity.ANALYSED, Text)
        ).where(AnalysisRequestPost.request_id == request.id, AnalysisRequestPost.state == PostState.ANALYSED)
        self._session.execute(
            upsert(UserPostActivity)
            .from_select(["user_id", "post_id", "activity"], analysed)
            .on_conflict_do_update(
                index_elements=[UserPostActivity.user_id, UserPostActivity.post_id, UserPostActivity.activity],
                set_={"updated_at": func.now()},
            )
        )

    def count_viral(self, request_id: uuid.UUID) -> int:
        """Return how many posts of the request are viral."""
        return (
            self._session.scalar(
                select(func.count())
                .select_from(PostAnalysis)
                .where(PostAnalysis.request_id == request_id, PostAnalysis.is_viral)
            )
            or 0
        )
