"""The state of the stand-ins. One event loop owns it, and every route is `async def`, so no lock is needed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from local.stand_ins.brightdata.jobs import Jobs
from local.stand_ins.clerk.tokens import SigningKey
from local.stand_ins.clerk.users import ClerkUsers
from local.stand_ins.clerk.webhooks import Subscription
from local.stand_ins.dodo.account import DodoAccount
from local.stand_ins.media.answers import MediaAnswer
from local.stand_ins.scenario.callers import Relays
from local.stand_ins.scenario.creators import Creator, CreatorShelf
from local.stand_ins.scenario.faults import FaultList, Vendor
from local.stand_ins.scenario.limits import Limits
from local.stand_ins.scenario.posts import Platform, Post, PostShelf
from local.stand_ins.supabase.storage import Storage

STARTING_CREDITS = 1_000_000


@dataclass(slots=True)
class Call:
    """One call to a vendor, without its headers, query and body, which may hold keys and content.

    Of the query and body it records only which of the test's watched words they contain.
    """

    method: str
    path: str
    status: int | None = None
    """None until an answer is sent."""
    parts: list[str] | None = None
    """The types of the parts of a prompt, such as `image/jpeg`, in order; None for other calls."""
    about: list[str] = field(default_factory=list)
    """The watched words in its query or body."""
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


@dataclass(slots=True)
class StandIns:
    """The state behind the routes of all vendors."""

    signing_key: SigningKey = field(default_factory=SigningKey.generate)
    clerk: ClerkUsers = field(default_factory=ClerkUsers)
    clerk_webhooks: Subscription = field(default_factory=Subscription)
    dodo: DodoAccount = field(default_factory=DodoAccount)
    posts: PostShelf = field(default_factory=PostShelf)
    creators: CreatorShelf = field(default_factory=CreatorShelf)
    """Creators with invented posts: those of the samples, and those that a test adds."""
    faults: FaultList = field(default_factory=FaultList)
    limits: Limits = field(default_factory=Limits)
    relays: Relays = field(default_factory=Relays)
    watched: set[str] = field(default_factory=set)
    """Words that are looked for in every call."""
    calls: dict[Vendor, list[Call]] = field(default_factory=lambda: {vendor: [] for vendor in Vendor})
    twitterapi_credits: int = STARTING_CREDITS
    brightdata: Jobs = field(default_factory=Jobs)
    storage: Storage = field(default_factory=Storage)
    media_answers: dict[str, MediaAnswer] = field(default_factory=dict)
    """Answers of media hosts that replace a post's file, by address (`host/path`)."""

    def __post_init__(self) -> None:
        self.clerk.publish = self.clerk_webhooks.publish
        self._restore_creators()

    def reset(self) -> None:
        """Restore the samples and defaults; keys, users and sessions stay, so that issued tokens still work."""
        self.faults.clear()
        self.limits = Limits()
        self.watched.clear()
        self.clerk_webhooks.cancel()
        self.dodo = self.dodo.emptied()
        self.clerk.codes.reset()
        self.clerk.is_production = False
        self.posts.reload()
        self._restore_creators()
        self.twitterapi_credits = STARTING_CREDITS
        self.brightdata.reset()
        self.storage.reset()
        self.media_answers.clear()
        for calls in self.calls.values():
            calls.clear()

    def _restore_creators(self) -> None:
        """Restore the creators of invented samples; those of real samples have no other posts here."""
        self.creators.clear()
        samples = [post for platform in Platform for post in self.posts.on(platform)]
        invented = {(post.platform, post.username) for post in samples if post.username.lower().startswith("invented")}
        for platform, username in sorted(invented):
            self.creators.put(Creator(platform=platform, username=username))

    def find_post(self, platform: Platform, post_id: str) -> Post | None:
        """Return a published or invented post."""
        return self.posts.find(platform, post_id) or self.creators.find_post(platform, post_id)

    def all_posts(self, platform: Platform) -> list[Post]:
        """Return the invented and then the published posts of a platform."""
        return [*self.creators.all_posts(platform), *self.posts.on(platform)]

    def list_posts_of(self, platform: Platform, username: str) -> list[Post]:
        """Return every post of a creator, newest first."""
        own = [post for post in self.posts.on(platform) if post.username.lower() == username.lower()]
        return sorted(
            [*own, *self.creators.posts_of(platform, username)], key=lambda post: post.posted_at, reverse=True
        )


async def _stand_ins_of(request: Request) -> StandIns:
    stand_ins: StandIns = request.app.state.stand_ins
    return stand_ins


State = Annotated[StandIns, Depends(_stand_ins_of)]


def call_of(request: Request) -> Call:
    """Return the gate's record of this call."""
    call: Call = request.state.call
    return call
