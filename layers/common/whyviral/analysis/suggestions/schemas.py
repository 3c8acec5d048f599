"""Request and response bodies of suggestions and their follow-up."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class FollowUpBody(BaseModel):
    """The post that the user made from a suggestion."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1, description="The URL of the new post, as copied from the app or browser.")]


class FollowUpResultOut(BaseModel):
    """What the latest analysis of the new post found, beside what was found about the original post."""

    request_id: Annotated[uuid.UUID, Field(description="The analysis request with the new post.")]
    post_id: uuid.UUID
    measured_at: Annotated[datetime, Field(description="When the platform's counts of the new post were read.")]
    is_viral: bool
    score: float
    score_change: Annotated[
        float | None,
        Field(description="The new score minus the original one; null if different rules gave them."),
    ]
    outlier_ratio: Annotated[float | None, Field(description="Times the median of the creator's posts, if known.")]
    outlier_ratio_change: Annotated[
        float | None,
        Field(description="The new ratio divided by the original one: 2 is twice as far above the median."),
    ]


class FollowUpOut(BaseModel):
    """The post that the user made from a suggestion, and how it did."""

    url: Annotated[str, Field(description="The canonical URL of the new post.")]
    done_at: datetime
    result: Annotated[FollowUpResultOut | None, Field(description="Null until the new post is analysed by its URL.")]


class SuggestionOut(BaseModel):
    """One suggestion of an analysis. A retry may rewrite its text until it is marked as done."""

    id: uuid.UUID
    position: Annotated[int, Field(ge=1, le=4)]
    text: str
    follow_up: Annotated[FollowUpOut | None, Field(description="Null until the suggestion is marked as done.")]
