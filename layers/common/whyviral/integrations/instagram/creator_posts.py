"""The recent posts of an Instagram profile by Bright Data: its profile record, or a discovery of its reels.

The profile record costs one record and has the likes of about 12 posts. Views of reels need a discovery, which costs
one record for each reel and takes minutes.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx

from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.brightdata.errors import (
    PROVIDER,
    SnapshotFailed,
    SnapshotLost,
    category_of_row,
)
from whyviral.integrations.brightdata.scraper_api import FIRST_WAIT_S, TIMEOUT_S, BrightDataClient, Dataset, Working
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.vendor_model import Lenient, VendorModel
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, ListedPost, ListingPending, PostKind
from whyviral.integrations.ports.post_scraper import ScrapeJob
from whyviral.integrations.ports.price_list import PriceList

from .ids import media_id_of, shortcode_of
from .posts import Handle, LooseCount

MAX_REELS = 31
"""One more than a baseline holds, because the compared reel may be among them."""
_PROFILE = "profile"
_REELS = "reels"
_MESSAGES: Mapping[ErrorCategory, str] = {
    ErrorCategory.NOT_FOUND: "Instagram shows no account with this handle.",
    ErrorCategory.PRIVATE: "This Instagram account is private, so only its followers see its posts.",
}
_MAX_DIGITS = 19
_UNREADABLE = "The list of this Instagram account's posts could not be read."


class _Entry(VendorModel):
    """A post in a profile record."""

    id: Lenient[str] = None
    url: Lenient[str] = None
    datetime: Lenient[str] = None
    likes: Lenient[LooseCount] = None
    comments: Lenient[LooseCount] = None
    content_type: Lenient[str] = None
    is_pinned: Lenient[bool] = None


class _Profile(VendorModel):
    """The fields of a profile record that we use."""

    account: Lenient[Handle] = None
    is_private: Lenient[bool] = None
    posts: Lenient[list[Lenient[_Entry]]] = None


class _Reel(VendorModel):
    """The fields of a discovered reel that we use."""

    user_posted: Lenient[Handle] = None
    shortcode: Lenient[str] = None
    date_posted: Lenient[str] = None
    likes: Lenient[LooseCount] = None
    num_comments: Lenient[LooseCount] = None
    video_play_count: Lenient[LooseCount] = None
    views: Lenient[LooseCount] = None
    is_paid_partnership: Lenient[bool] = None


class InstagramCreatorPosts:
    """Lists the posts of a profile; a list takes about a minute, so the first call returns a running job."""

    def __init__(
        self,
        api_key: str,
        *,
        calls: CallRecorder,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        discovers_reels: bool = False,
        prices: PriceList,
    ) -> None:
        """Args `discovers_reels`: whether reels are discovered, with their views, or read from the profile record."""
        self._discovers_reels = discovers_reels
        self._open: Callable[[float], BrightDataClient] = lambda timeout_s: BrightDataClient(
            api_key, calls=calls, clock=clock, client=client, timeout_s=timeout_s, prices=prices
        )

    def resolve(self, handle: str, *, timeout_s: float) -> Creator:
        """Return the account with this handle, which its profile record verifies later."""
        del timeout_s
        return Creator(handle=handle)

    def list_posts(
        self, creator: Creator, kind: PostKind | None, *, job: ScrapeJob | None, timeout_s: float
    ) -> CreatorListing | ListingPending:
        """Poll the running job, or start one.

        Raises:
            ProviderError: there is no list; not_found and private are about the account.
        """
        provider = self._open(min(timeout_s, TIMEOUT_S))
        if job is None or job.is_lost:
            return self._start(provider, creator, kind)
        try:
            found = provider.read(job.id)
        except SnapshotLost:
            # A lost job is started once more and no further, because each may be billed.
            if job.number > 1:
                raise
            return self._start(provider, creator, kind, number=job.number + 1)
        except SnapshotFailed as failure:
            raise _about_account(failure.category) from failure
        if isinstance(found, Working):
            return ListingPending(job, found.wait_s)
        records = _without_failed_inputs(found.records)
        posts = _read_reels(records, creator) if job.kind == _REELS else _read_profile(records)
        return CreatorListing(creator, posts)

    def _start(
        self, provider: BrightDataClient, creator: Creator, kind: PostKind | None, *, number: int = 1
    ) -> ListingPending:
        url = f"https://www.instagram.com/{creator.handle}/"
        if self._discovers_reels and kind is PostKind.REEL:
            inputs: list[dict[str, str | int]] = [{"url": url, "num_of_posts": MAX_REELS}]
            job_id = provider.trigger(Dataset.INSTAGRAM_REELS, inputs, discover_most=MAX_REELS)
            return ListingPending(ScrapeJob(job_id, _REELS, number), FIRST_WAIT_S)
        job_id = provider.trigger(Dataset.INSTAGRAM_PROFILES, [{"url": url}])
        return ListingPending(ScrapeJob(job_id, _PROFILE, number), FIRST_WAIT_S)


def _without_failed_inputs(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows that are records; a list of failed inputs alone is the account's failure."""
    failures = [category for record in records if (category := category_of_row(record)) is not None]
    if failures and len(failures) == len(records):
        raise _about_account(failures[0])
    return [record for record in records if category_of_row(record) is None]


def _read_profile(records: Sequence[Mapping[str, Any]]) -> list[ListedPost]:
    posts: list[ListedPost] = []
    for record in records:
        profile = _Profile.model_validate(record)
        if profile.is_private:
            raise _about_account(ErrorCategory.PRIVATE)
        posts += [post for entry in profile.posts or () if entry and (post := _read_entry(entry))]
    return posts


def _read_entry(entry: _Entry) -> ListedPost | None:
    code = _code_of(entry.url, entry.id)
    if code is None:
        return None
    is_reel = (entry.content_type or "").lower() in ("video", "reel")
    return ListedPost(
        post_id=code,
        kind=PostKind.REEL if is_reel else PostKind.PHOTO,
        posted_at=_moment(entry.datetime),
        likes=entry.likes,
        comments=entry.comments,
        is_pinned=bool(entry.is_pinned),
    )


def _read_reels(records: Sequence[Mapping[str, Any]], creator: Creator) -> list[ListedPost]:
    """Return the account's own reels: a reel with several authors is listed on each of their profiles."""
    reels = [_Reel.model_validate(record) for record in records]
    return [
        ListedPost(
            post_id=reel.shortcode,
            kind=PostKind.REEL,
            posted_at=_moment(reel.date_posted),
            views=reel.video_play_count or reel.views or None,
            likes=reel.likes,
            comments=reel.num_comments,
            is_paid_partnership=reel.is_paid_partnership,
        )
        for reel in reels
        if reel.shortcode and media_id_of(reel.shortcode) and _is_by(reel, creator)
    ]


def _is_by(reel: _Reel, creator: Creator) -> bool:
    return (reel.user_posted or "").lower() == (creator.handle or "").lower()


def _code_of(url: str | None, media_id: str | None) -> str | None:
    """Return the shortcode of a post from its URL, or from its numeric id."""
    parts = (url or "").split("?")[0].rstrip("/").split("/")
    if len(parts) > 1 and parts[-2] in ("p", "reel", "reels", "tv") and media_id_of(parts[-1]):
        return parts[-1]
    digits = (media_id or "").split("_")[0]
    return shortcode_of(int(digits)) if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS else None


def _moment(text: str | None) -> datetime | None:
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _about_account(category: ErrorCategory) -> ProviderError:
    message = _MESSAGES.get(category, _UNREADABLE)
    return ProviderError(message, provider=PROVIDER, category=category)
