"""Rules of public posts: fetch each one once, share it, and pay for it once."""

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
"""Longer than one run of the scrape function, so that a lease ends only when its holder has died."""
JOB_LIFE = timedelta(hours=24)
"""How long a provider's work on a post is worth resuming: links to media in what it tells live for days at most."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an attempt may do about the posts it wants, keyed by platform post id."""

    fresh: Mapping[str, Post]
    """Fetched recently, and no link to their media is known to be dead: use as they are."""
    claimed: Mapping[str, Post]
    """Ours to fetch."""
    busy: frozenset[str]
    """Being fetched by another request, or by an older attempt that may not be dead yet: come back later."""


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
    lease_owner: uuid.UUID,
    now: datetime,
    reuse_for: timedelta,
    is_stand_in: bool,
) -> Claims:
    """Sort the wanted posts into fresh ones, ones that `lease_owner` now has to fetch, and busy ones.

    Args:
        session: the transaction; claims count once it commits.
        platform: slug of the platform.
        urls_by_id: canonical URLs of the wanted posts by platform post id.
        lease_owner: the attempt of an analysis request.
        now: the time of the claim.
        reuse_for: how old a fetched post may be to be used as it is.
        is_stand_in: whether a stand-in would fetch them; what the two sources say is never mixed.
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
    """Save what came of asking, and end the claims on all posts but those that a provider still works on.

    A post that could not be had leaves no new row. A job is stored with the post, whoever asks for it next; those in
    `unanswered` keep theirs.
    """
    # All at once, answered or not: two turns would take them out of order, and two requests could wait for each other.
    # A post is missing, or claimed by another, only when our claim has outlived its lease.
    locked = repository.lock_posts(session, platform, outcomes.keys() | unanswered)
    known = {post.platform_post_id: post for post in locked}
    for post_id, post in known.items():
        if post_id in outcomes and post.claimed_by == lease_owner:
            post.scrape_job = _job_as_json(
                outcomes[post_id], known=post.scrape_job, now=fetched_at, is_stand_in=is_stand_in
            )
    saved = [(known[id_], told) for id_, told in outcomes.items() if isinstance(told, ScrapedPost) and id_ in known]
    distrusted = {post.id for post, _ in saved if post.is_stand_in != is_stand_in}
    for post, scraped in saved:
        repository.update_fetched_post(post, scraped, fetched_at=fetched_at, is_stand_in=is_stand_in)
    session.flush()
    if saved:
        replace_media(session, saved, distrusted=distrusted)
        repository.save_comments(session, saved, distrusted=distrusted)
    failures = {
        post_id: _as_removed(failure) if _was_seen(known.get(post_id), is_stand_in=is_stand_in) else failure
        for post_id, failure in outcomes.items()
        if isinstance(failure, ScrapeFailure)
    }
    if ended := failures.keys() | unanswered:
        repository.release_claims(session, platform, ended, lease_owner=lease_owner)
    return Fetched(posts={post.platform_post_id: post for post, _ in saved}, failures=failures)


def _was_seen(post: Post | None, *, is_stand_in: bool) -> bool:
    return post is not None and post.fetched_at is not None and post.is_stand_in == is_stand_in


def release_claims(
    session: Session, platform: str, platform_post_ids: Collection[str], *, lease_owner: uuid.UUID
) -> None:
    """Give up claims, so that the next one who asks may fetch the posts, and go on with the jobs that run for them."""
    repository.release_claims(session, platform, platform_post_ids, lease_owner=lease_owner)


def find_job(post: Post, *, now: datetime, is_stand_in: bool) -> ScrapeJob | None:
    """Return the work that has been begun for a post at this source, unless what it would tell is too old."""
    stored = dict(post.scrape_job or {})
    if not stored or stored.pop("is_stand_in", None) is not is_stand_in:
        return None
    begun_at = datetime.fromisoformat(stored.pop("begun_at"))
    return None if begun_at < now - JOB_LIFE else ScrapeJob(**stored)


def _job_as_json(
    outcome: ScrapeOutcome, *, known: Mapping[str, Any] | None, now: datetime, is_stand_in: bool
) -> dict[str, Any] | None:
    """Return what to store: work that goes on, or a loss that counts."""
    match outcome:
        case ScrapePending(job=job) | ScrapeFailure(lost=ScrapeJob() as job):
            begun_at = known["begun_at"] if known and known["id"] == job.id else now.isoformat()
            return asdict(job) | {"begun_at": begun_at, "is_stand_in": is_stand_in}
    return None


def _as_removed(failure: ScrapeFailure) -> ScrapeFailure:
    if failure.category is not ErrorCategory.NOT_FOUND:
        return failure
    return ScrapeFailure(
        platform_post_id=failure.platform_post_id,
        category=ErrorCategory.REMOVED,
        message="This post was public before, but it has been removed or made private since.",
    )
