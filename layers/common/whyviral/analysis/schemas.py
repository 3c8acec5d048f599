"""Analyses as JSON."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from whyviral.vendor_calls.money import Usd

from .models import RequestStatus, Stage


class AnalyzeBody(BaseModel):
    """Posts to explain, of any mix of platforms."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"post_urls": ["https://x.com/jack/status/20"]}]}
    )

    post_urls: Annotated[
        list[str], Field(min_length=1, fail_fast=True, description="URLs as copied from the app or browser.")
    ]


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class RequestSummary(_Row):
    """An analysis request in a list."""

    id: uuid.UUID
    platform: str
    post_urls: list[str]
    display_name: str | None
    status: RequestStatus
    progress: int
    attempt: int
    retry_count: int
    max_retries: int
    error_stage: Stage | None
    error_category: str | None
    error: Annotated[str | None, Field(description="A sentence that says why the request failed.")]
    results: dict[str, int] | None
    posts_processed: int
    total_api_calls: int
    cost_usd: Usd
    duration_seconds: Usd | None
    created_at: datetime
    updated_at: datetime


class StatusOut(_Row):
    """One step of a request."""

    seq: int
    attempt: int
    stage: Stage
    progress: int
    message: str
    cost_usd: Usd | None
    stage_cost_usd: Annotated[Usd | None, Field(description="What of `cost_usd` was spent since the step before.")]
    created_at: datetime


class RequestPostOut(_Row):
    """One URL of a request: how far it has come, or why it failed."""

    url: str
    state: str
    post_id: uuid.UUID | None
    is_partial: Annotated[
        bool,
        Field(
            description="Whether its analysis was made without something that a retry may get; it stays readable until "
            "a better one replaces it."
        ),
    ]
    error_category: str | None
    error: str | None


class PostAnalysisOut(_Row):
    """Why one post went viral, or did not."""

    id: uuid.UUID
    post_id: uuid.UUID
    metrics: dict[str, int]
    is_viral: bool
    virality_reasoning: str
    quick_takeaways: list[str]
    creator_context: str
    content_observation: dict[str, Any]
    replicable_elements: list[str]
    viral_formula: str
    improvements: list[str]
    suggestions_for_future_posts: list[str]
    analysis_data: dict[str, Any]
    metadata_used: dict[str, Any]
    created_at: datetime


class RequestDetail(RequestSummary):
    """An analysis request with everything about it."""

    status_history: list[StatusOut]
    posts: list[RequestPostOut]
    post_analyses: list[PostAnalysisOut]


class AcceptedRequests(BaseModel):
    """The requests made of one call, one per platform."""

    requests: list[RequestSummary]
