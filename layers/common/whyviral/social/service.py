"""Rules of public posts: fetch each one once, share it, and pay for it once."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.post_scraper import ScrapedPost, ScrapeFailure, ScrapeOutcome

from .models import Post
from .repository import PostRepository

CLAIM_LEASE = timedelta(seconds=120)
"""Longer than one run of the scrape function, so that a lease ends only when its holder has died."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a request may do about the posts it wants, keyed by platform post id."""

    fresh: Mapping[str, Post]
    """Fetched recently: use as they are."""
    claimed: Mapping[str, Post]
    """Ours to fetch."""
    busy: frozenset[str]
    """Being fetched by another request: come back later."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of fetching, keyed by platform post id."""

    posts: Mapping[str, Post]
    failures: Mapping[str, ScrapeFailure]


def claim_posts(
    session: Session,
    platform: str,
    urls_by_id: Mapping[str, str],
    *,
    claimant: uuid.UUID,
    now: datetime,
    reuse_for: timedelta,
    is_stand_in: bool,
) -> Claims:
    """Sort the wanted posts into fresh ones, ones that `claimant` now has to fetch, and busy ones.

    Args:
        session: the transaction; claims count once it commits.
        platform: slug of the platform.
        urls_by_id: canonical URLs of the wanted posts by platform post id.
        claimant: the analysis request.
        now: the time of the claim.
        reuse_for: how old a fetched post may be to be used as it is.
        is_stand_in: whether a stand-in would fetch them; what the two sources say is never mixed.
    """
    posts = PostRepository(session, platform)
    claimed = posts.claim(
        urls_by_id,
        claimant=claimant,
        now=now,
        lease=CLAIM_LEASE,
        fresh_since=now - reuse_for,
        is_stand_in=is_stand_in,
    )
    claimed_by_id = {post.platform_post_id: post for post in claimed}
    others = posts.list_by_platform_ids(urls_by_id.keys() - claimed_by_id.keys())
    fresh = {
        post.platform_post_id: post
        for post in others
        if post.fetched_at is not None and post.fetched_at >= now - reuse_for and post.is_stand_in == is_stand_in
    }
    busy = frozenset(urls_by_id.keys() - claimed_by_id.keys() - fresh.keys())
    return Claims(fresh=fresh, claimed=claimed_by_id, busy=busy)


def save_scraped(
    session: Session,
    platform: str,
    outcomes: Mapping[str, ScrapeOutcome],
    *,
    claimant: uuid.UUID,
    fetched_at: datetime,
    is_stand_in: bool,
) -> Fetched:
    """Save fetched posts and end the claims on all of `outcomes`; a post that could not be had leaves no new row."""
    repository = PostRepository(session, platform)
    known = {post.platform_post_id: post for post in repository.lock_by_platform_ids(outcomes.keys())}
    saved: list[tuple[Post, ScrapedPost]] = []
    failures: dict[str, ScrapeFailure] = {}
    for post_id, outcome in outcomes.items():
        post = known.get(post_id)
        if isinstance(outcome, ScrapeFailure):
            was_seen = post is not None and post.fetched_at is not None and post.is_stand_in == is_stand_in
            failures[post_id] = _as_removed(outcome) if was_seen else outcome
        # It is gone only when another claimant's fetch failed after ours had lost its lease.
        elif isinstance(outcome, ScrapedPost) and post is not None:
            repository.update_fetched(post, outcome, fetched_at=fetched_at, is_stand_in=is_stand_in)
            saved.append((post, outcome))
    if saved:
        session.flush()
        repository.replace_media(saved)
    if failures:
        repository.release_claims(failures.keys(), claimant=claimant)
    return Fetched(posts={post.platform_post_id: post for post, _ in saved}, failures=failures)


def release_claims(session: Session, platform: str, platform_post_ids: Collection[str], *, claimant: uuid.UUID) -> None:
    """Give up claims, so that the next one who asks may fetch the posts."""
    PostRepository(session, platform).release_claims(platform_post_ids, claimant=claimant)


def _as_removed(failure: ScrapeFailure) -> ScrapeFailure:
    if failure.category is not ErrorCategory.NOT_FOUND:
        return failure
    return ScrapeFailure(
        platform_post_id=failure.platform_post_id,
        category=ErrorCategory.REMOVED,
        message="This post was public before, but it has been removed or made private since.",
    )
