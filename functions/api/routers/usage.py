"""Routes for the caller's usage, and what remains of the plan's limits."""

import re
from datetime import date
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator, Field, model_validator

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import PageField, ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from functions.api.pages import PageOut, page_out
from whyviral.accounts.service import NoCurrentPlan
from whyviral.social.platforms import Platform
from whyviral.usage import service as usage_service
from whyviral.usage.schemas import LimitsOut, UsageDayOut, UsageTodayOut

router = APIRouter(
    prefix="/api/accounts/usage",
    tags=["accounts"],
    route_class=AuthenticatedRoute,
    responses=error_responses(*SIGNED_IN),
)
_PLATFORMS = [platform.value for platform in Platform]


def _check_day(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("write the day as YYYY-MM-DD")  # pydantic would accept a number as seconds since 1970
    return value


_Day = Annotated[date, BeforeValidator(_check_day)]


class UsageHistory(PageOut[UsageDayOut]):
    """One page of usage by day and platform."""


class HistoryQuery(BaseModel):
    """The days to list."""

    first: Annotated[_Day | None, Field(alias="from", description="The first UTC day, YYYY-MM-DD.")] = None
    last: Annotated[_Day | None, Field(alias="to", description="The last UTC day, included.")] = None
    platform: Platform | None = None
    page: PageField = 1

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError("`from` must not be after `to`")
        return self


@router.get("/", response_model=UsageTodayOut)
def get_usage(user: CurrentUser, session: SessionDep, services: ServicesDep) -> Any:
    """Return the caller's usage since midnight UTC, by platform."""
    return usage_service.get_usage_today(session, user.id, platforms=_PLATFORMS, now=services.clock())


@router.get(
    "/limits/",
    response_model=LimitsOut,
    responses=error_responses(*SIGNED_IN, NoCurrentPlan),
)
def get_limits(user: CurrentUser, session: SessionDep, services: ServicesDep) -> Any:
    """Return the limits of the caller's plan, and what remains of them today, by platform."""
    return usage_service.limits_out(
        usage_service.get_limits(session, user.id, platforms=_PLATFORMS, now=services.clock())
    )


@router.get("/history/", response_model=UsageHistory)
def list_usage_history(
    query: Annotated[HistoryQuery, Query()],
    request: Request,
    user: CurrentUser,
    session: SessionDep,
    services: ServicesDep,
) -> Any:
    """List the caller's usage, one row per day and platform, newest first."""
    found = usage_service.list_usage(
        session, user.id, page=query.page, first=query.first, last=query.last, platform=query.platform
    )
    return page_out(found, UsageHistory, request=request, services=services)
