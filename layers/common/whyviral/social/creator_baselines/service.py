"""Rules of creators' recent posts: each list is read once, reused for a while, and shared by all requests."""

import uuid
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.creator_posts import CreatorListing, ListedPost, PostKind
from whyviral.integrations.ports.post_scraper import ScrapeJob
from whyviral.social.platforms import Platform

from . import repository
from .comparison import Baseline, ComparedPost, CreatorBaseline, NoBaseline, choose_baseline
from .models import CreatorBaselineRow

LEASE = timedelta(seconds=120)
"""Longer than one run of the scrape function, so that a lease expires only after its owner has stopped."""
MAX_STORED_POSTS = 60
MAX_USE = timedelta(days=30)
"""An older list is never compared with, and retention deletes it: YouTube's terms end there."""
OLD_LIST = "The list of the creator's other posts is older than it should be."
_REUSE = {Platform.YOUTUBE: timedelta(hours=12)}
_REUSE_OTHERS = timedelta(hours=24)
_STORED: TypeAdapter[list[ListedPost]] = TypeAdapter(list[ListedPost])
_ABOUT_CREATOR = frozenset({ErrorCategory.NOT_FOUND, ErrorCategory.PRIVATE, ErrorCategory.REMOVED})

type Key = tuple[str, str, str]
"""Platform, creator and kind."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A list that this attempt alone may read now."""

    id: uuid.UUID
    job: ScrapeJob | None
    """A vendor's running job of an earlier attempt, which is polled and not started again."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A list that can be used as it is."""

    id: uuid.UUID


class Busy:
    """Another attempt is reading the list."""


def reuse_of(platform: str) -> timedelta:
    """Return how long a list of a platform is reused without reading it again."""
    return _REUSE.get(Platform(platform), _REUSE_OTHERS)


def claim(
    session: Session, key: Key, *, lease_owner: uuid.UUID, now: datetime, is_stand_in: bool
) -> Claimed | Fresh | Busy:
    """Claim a list for `lease_owner`, unless it is fresh or being read."""
    fresh_since = now - reuse_of(key[0])
    row = repository.claim(
        session,
        key,
        lease_owner=lease_owner,
        now=now,
        lease=LEASE,
        fresh_since=fresh_since,
        is_stand_in=is_stand_in,
    )
    if row is not None:
        return Claimed(row.id, _job_of(row, is_stand_in=is_stand_in))
    found = repository.find(session, key)
    is_fresh = found is not None and found.fetched_at is not None and found.fetched_at >= fresh_since
    return Fresh(found.id) if found is not None and is_fresh and found.is_stand_in == is_stand_in else Busy()


def _job_of(row: CreatorBaselineRow, *, is_stand_in: bool) -> ScrapeJob | None:
    document = dict(row.scrape_job or {})
    return ScrapeJob(**document) if document and document.pop("is_stand_in", None) == is_stand_in else None


def save_listing(
    session: Session, row_id: uuid.UUID, listing: CreatorListing, *, kind: PostKind, now: datetime, is_stand_in: bool
) -> None:
    """Save a list and release its claim; posts of other kinds are left out."""
    posts = [post for post in listing.posts if post.kind is kind][:MAX_STORED_POSTS]
    repository.update_claimed(
        session,
        row_id,
        {
            "posts": _STORED.dump_python(posts, mode="json"),
            "has_exact_times": listing.has_exact_times,
            "fetched_at": now,
            "is_stand_in": is_stand_in,
            **_summary(posts, kind, now=now),
            **_RELEASED,
        },
    )


def save_failure(
    session: Session, row_id: uuid.UUID, failure: ProviderError, *, now: datetime, is_stand_in: bool
) -> None:
    """Record why there is no list and release its claim.

    A creator who is unknown, private or gone has an empty list, so that no request pays to learn it again before the
    time of reuse. Any other failure lets the next request try again.
    """
    values: dict[str, Any] = {"error": {"category": failure.category, "message": failure.message}}
    if failure.category in _ABOUT_CREATOR:
        values |= {"posts": [], "n": 0, "fetched_at": now, "is_stand_in": is_stand_in}
    repository.update_claimed(session, row_id, _RELEASED | values)


def save_job(session: Session, row_id: uuid.UUID, job: ScrapeJob, *, is_stand_in: bool) -> None:
    """Store a vendor's running job and release the claim: the next attempt polls it."""
    document = asdict(job) | {"is_stand_in": is_stand_in}
    repository.update_claimed(session, row_id, {"scrape_job": document, "claimed_by": None, "claimed_until": None})


def raise_stored_failure(session: Session, row_id: uuid.UUID) -> None:
    """Raise the failure that a fresh list records about its creator, if there is one.

    Raises:
        ProviderError: the creator is unknown, private or gone.
    """
    row = repository.get_by_id(session, row_id)
    if row is not None and row.error is not None and not row.posts:
        category = ErrorCategory(row.error["category"])
        raise ProviderError(str(row.error["message"]), provider=row.platform, category=category)


def find_usable(session: Session, row_id: uuid.UUID) -> uuid.UUID | None:
    """Return the id of a list that has posts of an earlier reading; None if it has none."""
    row = repository.get_by_id(session, row_id)
    return row.id if row is not None and row.posts else None


def posts_of(row: CreatorBaselineRow) -> list[ListedPost]:
    """Return the posts of a stored list."""
    return _STORED.validate_python(row.posts)


def baseline_of(row: CreatorBaselineRow | None, compared: ComparedPost, *, now: datetime) -> Baseline:
    """Return the baseline of a post from a stored list, or why there is none."""
    if row is None or row.fetched_at is None or now - row.fetched_at > MAX_USE:
        return NoBaseline("the list of the creator's posts is not there any more")
    if row.error is not None and not row.posts:
        return NoBaseline(f"the creator's posts could not be listed ({row.error['category']})")
    baseline = choose_baseline(posts_of(row), compared, listed_at=row.fetched_at, has_exact_times=row.has_exact_times)
    if isinstance(baseline, CreatorBaseline) and now - row.fetched_at > reuse_of(row.platform):
        return replace(baseline, doubts=(*baseline.doubts, OLD_LIST))
    return baseline


_RELEASED: dict[str, Any] = {"claimed_by": None, "claimed_until": None, "scrape_job": None, "error": None}


def _summary(posts: list[ListedPost], kind: PostKind, *, now: datetime) -> dict[str, Any]:
    """Return the columns that describe a list, as a post that is not in it would be compared with it."""
    anyone = ComparedPost("", kind, views=0, likes=0)
    baseline = choose_baseline(posts, anyone, listed_at=now)
    if isinstance(baseline, NoBaseline):
        return {"n": baseline.n, **dict.fromkeys(("metric", "median", "lower_quartile", "upper_quartile"))}
    lower, upper = baseline.quartiles
    return {
        "n": baseline.n,
        "metric": baseline.metric,
        "median": baseline.median,
        "lower_quartile": lower,
        "upper_quartile": upper,
    }
