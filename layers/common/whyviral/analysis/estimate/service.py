"""Estimates what a call of `analyze/` would need, with the same rules and without its effects."""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from whyviral.analysis.admission import MAX_URLS_PER_CALL, TooManyUrls
from whyviral.analysis.creators.handle_admission import parse_creator
from whyviral.analysis.schemas import DEFAULT_POSTS_OF_A_HANDLE, AnalyzeBody
from whyviral.core.clock import day_of
from whyviral.social.models import PlatformRow
from whyviral.social.platforms import Platform
from whyviral.social.post_urls import InvalidPostUrl, parse_post_url
from whyviral.usage.service import Limits, PlatformAllowance, get_limits

from .costs import CostTable
from .schemas import BadUrlOut, EstimateOut, EstimateRefusal, PlatformEstimateOut


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a body asks for."""

    posts: Mapping[Platform, int]
    """The number of distinct posts by platform."""
    handles: int
    bad_urls: Sequence[BadUrlOut] = ()


def read_wanted(body: AnalyzeBody) -> Wanted:
    """Return what a body asks for, with all URLs that are not posts.

    Raises:
        TooManyUrls: there are more URLs than any call may have.
        InvalidCreatorHandle: the handle names no account.
    """
    if body.handle is not None:
        creator = parse_creator(body.handle, body.platform)
        return Wanted({Platform(creator.platform): body.posts or DEFAULT_POSTS_OF_A_HANDLE}, handles=1)
    urls = body.post_urls or []
    if len(urls) > MAX_URLS_PER_CALL:
        raise TooManyUrls(len(urls))
    posts: dict[str, Platform] = {}
    bad_urls: list[BadUrlOut] = []
    for url in urls:
        try:
            post = parse_post_url(url)
        except InvalidPostUrl as exc:
            bad_urls.append(BadUrlOut(url=url, reason=exc.reason, message=exc.message))
        else:
            posts[post.canonical_url] = post.platform
    return Wanted(Counter(posts.values()), handles=0, bad_urls=bad_urls)


def estimate(session: Session, user_id: uuid.UUID, wanted: Wanted, *, costs: CostTable, now: datetime) -> EstimateOut:
    """Return what the posts would need of the user's plan and may cost.

    Raises:
        NoCurrentPlan: the user has no plan.
    """
    limits = get_limits(session, user_id, platforms=sorted(wanted.posts), now=now)
    active = frozenset(session.scalars(select(PlatformRow.slug).where(PlatformRow.is_active)))
    platforms = [
        _platform(left, wanted, is_active=left.platform in active, costs=costs, now=now) for left in limits.platforms
    ]
    refusals = list(_refusals(wanted, platforms, limits))
    usual = [platform.usual_usd for platform in platforms if platform.usual_usd is not None]
    return EstimateOut(
        is_allowed=not refusals,
        refusals=refusals,
        plan=limits.plan.slug,
        urls_needed=sum(wanted.posts.values()),
        max_urls=limits.plan.max_urls,
        resets_at=limits.resets_at,
        platforms=platforms,
        bad_urls=list(wanted.bad_urls),
        usual_usd=sum(usual, Decimal(0)) if len(usual) == len(platforms) else None,
        max_usd=costs.max_usd_per_request * len(platforms),
    )


def _platform(
    left: PlatformAllowance, wanted: Wanted, *, is_active: bool, costs: CostTable, now: datetime
) -> PlatformEstimateOut:
    platform = Platform(left.platform)
    posts = wanted.posts[platform]
    return PlatformEstimateOut(
        platform=platform,
        is_active=is_active,
        analyses_needed=posts,
        analyses_left=left.analyses_left,
        handles_needed=wanted.handles,
        handles_left=left.handles_left,
        usual_usd=costs.usual_usd(platform, posts, on=day_of(now)),
        max_usd=costs.max_usd_per_request,
    )


def _refusals(wanted: Wanted, platforms: Sequence[PlatformEstimateOut], limits: Limits) -> Iterator[EstimateRefusal]:
    """Yield the reasons for which `analyze/` would refuse the call, in the order in which it checks them."""
    if wanted.bad_urls:
        yield EstimateRefusal.INVALID_POST_URLS
    if sum(wanted.posts.values()) > limits.plan.max_urls:
        yield EstimateRefusal.MAX_URLS_EXCEEDED
    if not all(platform.is_active for platform in platforms):
        yield EstimateRefusal.PLATFORM_UNAVAILABLE
    if any(each.analyses_needed > each.analyses_left or each.handles_needed > each.handles_left for each in platforms):
        yield EstimateRefusal.USAGE_LIMIT_REACHED
