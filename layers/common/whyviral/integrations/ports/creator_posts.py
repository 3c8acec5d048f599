"""The port for lists of a creator's recent posts, with the counts that a baseline needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from .post_scraper import ScrapeJob


class PostKind(StrEnum):
    """The kind of a post. Views mean different things for each kind, so only posts of one kind are compared."""

    SHORT = "short"
    LONG = "long"
    LIVE = "live"
    REEL = "reel"
    PHOTO = "photo"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Creator:
    """A creator on one platform; at least one of the two names is known."""

    id: str | None = None
    """The platform's id of the account, which stays when the handle changes."""
    handle: str | None = None
    """The public name without `@`."""


@dataclass(frozen=True, slots=True)
class ListedPost:
    """One post of a list; a count that the platform hides is None, never zero."""

    post_id: str
    kind: PostKind | None
    """None: the list does not show the kind, so the post is compared with no other."""
    posted_at: datetime | None = None
    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    is_pinned: bool = False
    is_paid_partnership: bool | None = None


@dataclass(frozen=True, slots=True)
class CreatorListing:
    """The recent posts of one creator, in the order of the platform's list."""

    creator: Creator
    posts: Sequence[ListedPost]
    has_exact_times: bool = True
    """False where the list shows no times, or only such as "3 weeks ago"."""


@dataclass(frozen=True, slots=True)
class ListingPending:
    """A vendor's job is collecting the list; the caller must store the job before it polls."""

    job: ScrapeJob
    wait_s: float
    """The delay in seconds before the next poll."""


class CreatorLister(Protocol):
    """Lists the recent posts of creators on one platform."""

    def resolve(self, handle: str, *, timeout_s: float) -> Creator:
        """Return the creator with this handle.

        Raises:
            ProviderError: there is none, or it is not known now. The categories not_found, private and removed are
                about the creator.
        """
        ...

    def list_posts(
        self, creator: Creator, kind: PostKind | None, *, job: ScrapeJob | None, timeout_s: float
    ) -> CreatorListing | ListingPending:
        """Return up to about 40 recent public posts of a creator.

        Args:
            creator: the creator.
            kind: the kind to list; None lists every kind that one listing can show.
            job: the running job of an earlier call for the same list.
            timeout_s: the limit of the whole call.

        Raises:
            ProviderError: there is no list. The categories not_found, private and removed are about the creator.
        """
        ...
