"""The answer of an estimate."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from whyviral.social.invalid_urls import InvalidUrlReason
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.money import Usd

_USUAL = Field(description="The cost when each call is made once, by today's prices; null if a price is unknown.")
_MAX = Field(description="The limit that the cost of these requests cannot exceed.")


class EstimateRefusal(StrEnum):
    """The code with which the plan or a platform would refuse the call."""

    INVALID_POST_URLS = "invalid_post_urls"
    MAX_URLS_EXCEEDED = "max_urls_exceeded"
    PLATFORM_UNAVAILABLE = "platform_unavailable"
    USAGE_LIMIT_REACHED = "usage_limit_reached"


class BadUrlOut(BaseModel):
    """A URL of the call that is not a post."""

    url: str
    reason: InvalidUrlReason
    message: str


class PlatformEstimateOut(BaseModel):
    """What the call needs on one platform, and what the plan still allows there today."""

    platform: Platform
    is_active: Annotated[bool, Field(description="Whether posts of the platform can be analysed at the moment.")]
    analyses_needed: Annotated[int, Field(description="Distinct posts.")]
    analyses_left: int
    handles_needed: int
    handles_left: int
    usual_usd: Annotated[Usd | None, _USUAL]
    max_usd: Annotated[Usd, _MAX]


class EstimateOut(BaseModel):
    """What a call of `analyze/` with the same body would need. Nothing was started, counted or fetched."""

    is_allowed: Annotated[bool, Field(description="Whether URLs, plan and platforms allow the call now.")]
    refusals: list[EstimateRefusal]
    plan: Annotated[str, Field(description="The plan's slug.")]
    urls_needed: Annotated[int, Field(description="Distinct posts on all platforms.")]
    max_urls: Annotated[int, Field(description="Posts in one call.")]
    resets_at: Annotated[datetime, Field(description="The next midnight UTC.")]
    platforms: list[PlatformEstimateOut]
    bad_urls: list[BadUrlOut]
    usual_usd: Annotated[Usd | None, _USUAL]
    max_usd: Annotated[Usd, _MAX]
