"""Tables of analyses: requests, their URLs, their status history and the analyses of posts."""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Numeric, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column, relationship

from whyviral.accounts.models import User
from whyviral.core.database import Base, Identified, one_of
from whyviral.core.errors import ErrorCategory
from whyviral.social.models import PlatformRow, Post

SUGGESTIONS = 4
"""The number of suggestions for future posts in an analysis."""


class RequestStatus(StrEnum):
    """Status of an analysis request."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class PostState(StrEnum):
    """The progress of one URL of a request."""

    PENDING = "PENDING"
    FETCHED = "FETCHED"
    COLLECTED = "COLLECTED"
    ANALYSED = "ANALYSED"
    FAILED = "FAILED"


class Stage(StrEnum):
    """The steps of an analysis as users see them."""

    REQUEST_CREATED = "request_created"
    FETCHING_POSTS = "fetching_posts"
    SOCIAL_DATA_FETCHED = "social_data_fetched"
    COLLECTING_MEDIA = "collecting_media"
    TRANSCRIBING = "transcribing"
    DISPLAYING_CONTENT = "displaying_content"
    ANALYSING = "analysing"
    ANALYSIS_COMPLETE = "analysis_complete"
    ERROR = "error"
    RETRYING = "retrying"
    PARTIAL_SUCCESS = "partial_success"


class AnalysisStatus(Identified, Base):
    """One step of a request as the user sees it; `seq` numbers the steps without gaps."""

    __tablename__ = "analysis_status_history"
    __table_args__ = (
        UniqueConstraint("request_id", "seq"),
        one_of("stage", Stage),
        CheckConstraint("progress between 0 and 100", name="progress_is_percent"),
    )

    request_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("post_analysis_requests.id", ondelete="CASCADE"))
    seq: Mapped[int]
    attempt: Mapped[int]
    stage: Mapped[str]
    progress: Mapped[int]
    message: Mapped[str]
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    """The cost of the request so far."""
    stage_cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    """The part of `cost_usd` spent since the previous step."""


class PostAnalysis(Identified, Base):
    """The analysis of one post for one request; `is_viral` is computed, the model's validated answer is the rest."""

    __tablename__ = "post_analyses"
    __table_args__ = (UniqueConstraint("request_id", "post_id"), Index(None, "post_id"))

    request_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("post_analysis_requests.id", ondelete="CASCADE"))
    post_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Post.id))
    metrics: Mapped[dict[str, int]] = mapped_column(JSONB)
    """The post's metrics at the time of the analysis."""
    is_viral: Mapped[bool]
    virality_reasoning: Mapped[str]
    quick_takeaways: Mapped[list[str]] = mapped_column(JSONB)
    creator_context: Mapped[str]
    content_observation: Mapped[dict[str, Any]] = mapped_column(JSONB)
    replicable_elements: Mapped[list[str]] = mapped_column(JSONB)
    viral_formula: Mapped[str]
    improvements: Mapped[list[str]] = mapped_column(JSONB)
    suggestions_for_future_posts: Mapped[list[str]] = mapped_column(JSONB)
    analysis_data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The model's whole answer."""
    metadata_used: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Facts, rule, model, prompt version, tokens and cost."""


class AnalysisRequestPost(Identified, Base):
    """One URL of a request with its progress, or the reason why it failed."""

    __tablename__ = "analysis_request_posts"
    __table_args__ = (
        UniqueConstraint("request_id", "platform_post_id"),
        UniqueConstraint("request_id", "position"),
        Index(None, "post_id"),
        one_of("state", PostState),
        one_of("error_category", ErrorCategory),
        one_of("error_stage", Stage),
    )

    request_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("post_analysis_requests.id", ondelete="CASCADE"))
    position: Mapped[int]
    url: Mapped[str]
    """The canonical URL."""
    platform_post_id: Mapped[str]
    path_word: Mapped[str | None]
    """The path word before the id in the pasted URL, such as `reel`: a hint at the kind of post."""
    post_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Post.id))
    state: Mapped[str] = mapped_column(server_default=PostState.PENDING)
    is_partial: Mapped[bool] = mapped_column(server_default=text("false"))
    """The post has an analysis without some input that another attempt may get.

    That analysis stays until a better one overwrites it. During a retry `state` shows the retry's progress; if the
    retry fails, `state` becomes ANALYSED again.
    """
    asked_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Until when a run may be calling the model for this post; no run of any attempt calls it before that time."""
    error_category: Mapped[str | None]
    error_stage: Mapped[str | None]
    error: Mapped[str | None]
    """Tells the user why the post has no analysis, or why a retry did not improve a partial one."""
    error_details: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """For operators: exception type and message, provider, status; never a secret."""

    measured: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Facts, verdict and what cannot be observed, as saved before the model was asked; see `MeasuredOut`."""
    creator_baseline_id: Mapped[uuid.UUID | None]
    """The `CreatorBaselineRow` to compare with; without a foreign key, because old lists are deleted."""
    baseline_reason: Mapped[str | None]
    """Why the post has no baseline, as in "No baseline: …"; null if it has one or none was looked for."""

    post: Mapped[Post | None] = relationship(lazy="raise")


class PostAnalysisRequest(Identified, Base):
    """A user's request to explain posts of one platform."""

    __tablename__ = "post_analysis_requests"
    __table_args__ = (
        one_of("status", RequestStatus),
        one_of("error_stage", Stage),
        one_of("error_category", ErrorCategory),
        CheckConstraint("progress between 0 and 100", name="progress_is_percent"),
        CheckConstraint("handle_posts between 1 and 5", name="handle_posts"),
        CheckConstraint("retry_count between 0 and max_retries", name="retries_within_limit"),
        Index(None, "user_id", "created_at"),
        Index(None, "status", "created_at"),
        Index(
            "ix_post_analysis_requests_unfinished",
            "attempt_started_at",
            postgresql_where=text("status in ('PENDING', 'PROCESSING')"),
        ),
        Index(None, "platform"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    platform: Mapped[str] = mapped_column(ForeignKey(PlatformRow.slug))
    post_urls: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    handle: Mapped[str | None]
    """The creator whose best posts the request explains; null for a request of URLs. FetchPosts chooses the posts."""
    handle_posts: Mapped[int | None]
    """How many posts of the creator were asked for."""
    display_name: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default=RequestStatus.PENDING)
    attempt: Mapped[int] = mapped_column(server_default=text("1"))
    """The fencing token of every write: a worker of an older attempt changes nothing."""
    status_seq: Mapped[int] = mapped_column(server_default=text("0"))
    """The last `seq` of the history, allocated under this row's lock."""
    progress: Mapped[int] = mapped_column(server_default=text("0"))
    results: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error_stage: Mapped[str | None]
    error_category: Mapped[str | None]
    error_details: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    retry_count: Mapped[int] = mapped_column(server_default=text("0"))
    max_retries: Mapped[int] = mapped_column(server_default=text("3"))
    attempt_started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """When the current attempt was admitted."""
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    duration_seconds: Mapped[Decimal | None] = mapped_column(Numeric(10, 3))
    total_api_calls: Mapped[int] = mapped_column(server_default=text("0"))
    posts_processed: Mapped[int] = mapped_column(server_default=text("0"))
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6), server_default=text("0"))
    reserved_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6), server_default=text("0"))
    """The maximum cost of calls that are in progress or whose outcome is unknown, on top of `cost_usd`."""
    execution_arn: Mapped[str | None]
    trace_id: Mapped[str | None]
    """The `request_id` of the API call that admitted the current attempt; null for attempts of before."""
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the user deleted the request. The row stays as a record of what was paid, and its user no longer sees it."""

    posts: Mapped[list[AnalysisRequestPost]] = relationship(lazy="raise", order_by=AnalysisRequestPost.position)
    status_history: Mapped[list[AnalysisStatus]] = relationship(lazy="raise", order_by=AnalysisStatus.seq)
    post_analyses: Mapped[list[PostAnalysis]] = relationship(lazy="raise", order_by=PostAnalysis.created_at)

    @property
    def error(self) -> str | None:
        """Return the message for the user about why the request failed."""
        return self.error_details.get("message") if self.error_details else None
