"""Usage as JSON."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from whyviral.social.platforms import Platform

type Day = date
"""The type under another name than that of the fields."""


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PlatformUsageOut(_Row):
    """What was used on one platform."""

    platform: Platform
    url_lookups: int = Field(description="URLs analysed, or being analysed.")
    questions_asked: int = Field(description="Questions asked in chats.")
    handle_analyses: int = Field(description="Handles analysed.")
    post_suggestions: int = Field(description="Suggestions for future posts received; counted, not limited.")


class UsageTodayOut(_Row):
    """What was used since midnight UTC, on every platform."""

    date: Day
    resets_at: datetime
    platforms: list[PlatformUsageOut]


class UsageDayOut(PlatformUsageOut):
    """What was used on one platform on one UTC day."""

    date: Day = Field(validation_alias="usage_date")


class PlatformAllowanceOut(_Row):
    """What is left on one platform today."""

    platform: Platform
    analyses_left: int
    questions_left: int
    handles_left: int


class LimitsOut(BaseModel):
    """What the caller's plan allows, and what is left of it today."""

    plan: str = Field(description="The plan's slug.")
    max_urls: int = Field(description="URLs in one call.")
    max_analyses_per_day: int = Field(description="URLs a day, on each platform.")
    max_questions_per_day: int = Field(description="Questions a day, on each platform.")
    max_handles: int = Field(description="Handles a day, on each platform.")
    resets_at: datetime = Field(description="The next midnight UTC.")
    platforms: list[PlatformAllowanceOut]
