"""Usage as JSON."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from whyviral.social.platforms import Platform

type Day = date
"""An alias, because fields named `date` hide the type's own name."""


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PlatformUsageOut(_Row):
    """The usage on one platform."""

    platform: Platform
    url_lookups: int = Field(description="URLs analysed, or being analysed.")
    questions_asked: int = Field(description="Questions asked in chats.")
    handle_analyses: int = Field(description="Handles analysed.")
    post_suggestions: int = Field(description="Suggestions for future posts received; counted, not limited.")


class UsageTodayOut(_Row):
    """The usage on every platform since midnight UTC."""

    date: Day
    resets_at: datetime
    platforms: list[PlatformUsageOut]


class UsageDayOut(PlatformUsageOut):
    """The usage on one platform and UTC day."""

    date: Day = Field(validation_alias="usage_date")


class PlatformAllowanceOut(_Row):
    """The remaining allowance on one platform today."""

    platform: Platform
    analyses_left: int
    questions_left: int
    handles_left: int


class LimitsOut(BaseModel):
    """The limits of the caller's plan, and the remaining allowance today."""

    plan: str = Field(description="The plan's slug.")
    max_urls: int = Field(description="URLs in one call.")
    max_analyses_per_day: int = Field(description="URLs a day, on each platform.")
    max_questions_per_day: int = Field(description="Questions a day, on each platform.")
    max_handles: int = Field(description="Handles a day, on each platform.")
    resets_at: datetime = Field(description="The next midnight UTC.")
    platforms: list[PlatformAllowanceOut]
