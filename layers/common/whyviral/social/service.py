"""Rules of public posts: each is fetched and paid for once, and shared by all requests."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import ScrapedPost, ScrapeFailure, ScrapeJob, ScrapeOutcome, ScrapePending
from whyviral.social.media.service import replace_media

from . import repository
from .models import Post

CLAIM_LEASE = timedelta(seconds=120)
"""Longer than one run of the scrape function, so that a lease expires only after its owner has stopped."""
JOB_LIFE = timedelta(hours=24)
"""How long a provider's job is worth resuming: the media links in its result are valid for a few days at most."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The posts that an attempt needs, sorted by what it may do with them; keyed by platform post id."""

    fresh: Mapping[str, Post]
    """Fetched recently and without a dead media link: reuse them."""
    claimed: Mapping[str, Post]
    """Claimed by this attempt: fetch them."""
    busy: frozenset[str]
    """Claimed by another request, or by an older attempt that may still be running: try again later."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The results of one fetch, keyed by platform post id."""

    posts: Mapping[str, Post]
    failures: Mapping[str, ScrapeFailure]


def claim_posts(
    session: Session,
    platform: str,
    urls_by_id: Mapping[str, str],
    *,
    lease_owner: uuid.UUID,
    now: datetime,
    reuse_for: timedelta,
    is_stand_in: bool,
) -> Claims:
    """Claim the posts that must be fetched for `lease_owner`, and sort all posts into fresh, claimed and busy.

    Args:
        session: the transaction; claims take effect when it commits.
        platform: slug of the platform.
        urls_by_id: canonical URLs of the posts by platform post id.
        lease_owner: the attempt of an analysis request.
        now: the time of the claim.
        reuse_for: the age up to which a fetched post is reused.
        is_stand_in: whether the posts come from a stand-in; posts of the two sources are never mixed.
    """
    claimed = repository.claim_posts(
        session,
        platform,
        urls_by_id,
        lease_owner=lease_owner,
        now=now,
        lease=CLAIM_LEASE,
        fresh_since=now - reuse_for,
        is_stand_in=is_stand_in,
    )
    claimed_by_id = {post.platform_post_id: post for post in claimed}
    others = repository.list_fresh_posts(
        session,
        platform,
        urls_by_id.keys() - claimed_by_id.keys(),
        fresh_since=now - reuse_for,
        is_stand_in=is_stand_in,
    )
    fresh = {post.platform_post_id: post for post in others}
    busy = frozenset(urls_by_id.keys() - claimed_by_id.keys() - fresh.keys())
    return Claims(fresh=fresh, claimed=claimed_by_id, busy=busy)


def save_scraped(
    session: Session,
    platform: str,
    outcomes: Mapping[str, ScrapeOutcome],
    *,
    unanswered: Collection[str] = (),
    lease_owner: uuid.UUID,
    fetched_at: datetime,
    is_stand_in: bool,
) -> Fetched:
    """Save fetched posts, and release the claims on all posts except those whose provider job is still running.

    A post that could not be fetched leaves no new row. A running job is stored with its post, so that any later
    request can resume it. Posts in `unanswered` keep their stored job.
    """
    # All posts are locked in one statement, answered or not: two statements would break the lock order and could
    # deadlock two requests. A post is missing, or claimed by another owner, only if our lease has expired.
    locked = repository.lock_posts(session, platform, outcomes.keys() | unanswered)
    known = {post.platform_post_id: post for post in locked}
    for post_id, post in known.items():
        if post_id in outcomes and post.claimed_by == lease_owner:
            post.scrape_job = _job_as_json(
                outcomes[post_id], known=post.scrape_job, now=fetched_at, is_stand_in=is_stand_in
            )
    saved = [
        (known[post_id], scraped)
        for post_id, scraped in outcomes.items()
        if isinstance(scraped, ScrapedPost) and post_id in known
    ]
    distrusted = {post.id for post, _ in saved if post.is_stand_in != is_stand_in}
    for post, scraped in saved:
        repository.update_fetched_post(post, scraped, fetched_at=fetched_at, is_stand_in=is_stand_in)
    session.flush()
    if saved:
        replace_media(session, saved, distrusted=distrusted)
        repository.save_comments(session, saved, distrusted=distrusted)
    failures = {
        post_id: _as_removed(failure) if _was_fetched(known.get(post_id), is_stand_in=is_stand_in) else failure
        for post_id, failure in outcomes.items()
        if isinstance(failure, ScrapeFailure)
    }
    if ended := failures.keys() | unanswered:
        repository.release_claims(session, platform, ended, lease_owner=lease_owner)
    return Fetched(posts={post.platform_post_id: post for post, _ in saved}, failures=failures)


def _was_fetched(post: Post | None, *, is_stand_in: bool) -> bool:
    return post is not None and post.fetched_at is not None and post.is_stand_in == is_stand_in


def find_job(post: Post, *, now: datetime, is_stand_in: bool) -> ScrapeJob | None:
    """Return the provider's job for a post at this source, unless its result would be too old."""
    stored = dict(post.scrape_job or {})
    if not stored or stored.pop("is_stand_in", None) is not is_stand_in:
        return None
    started_at = datetime.fromisoformat(stored.pop("begun_at"))
    return None if started_at < now - JOB_LIFE else ScrapeJob(**stored)


def _job_as_json(
    outcome: ScrapeOutcome, *, known: Mapping[str, Any] | None, now: datetime, is_stand_in: bool
) -> dict[str, Any] | None:
    """Return the job to store with the post: a running one, or a lost one, which only counts; else None."""
    match outcome:
        case ScrapePending(job=job) | ScrapeFailure(lost=ScrapeJob() as job):
            started_at = known["begun_at"] if known and known["id"] == job.id else now.isoformat()
            return asdict(job) | {"begun_at": started_at, "is_stand_in": is_stand_in}
    return None


def _as_removed(failure: ScrapeFailure) -> ScrapeFailure:
    if failure.category is not ErrorCategory.NOT_FOUND:
        return failure
    return ScrapeFailure(
        platform_post_id=failure.platform_post_id,
        category=ErrorCategory.REMOVED,
        message="This post was public before, but it has been removed or made private since.",
    )
