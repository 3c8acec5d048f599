"""What the stand-ins remember. One event loop owns it: every route is `async def`, so that no lock is needed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from local.stand_ins.brightdata.jobs import Jobs
from local.stand_ins.clerk.tokens import SigningKey
from local.stand_ins.clerk.users import ClerkUsers
from local.stand_ins.clerk.webhooks import Subscription
from local.stand_ins.media.answers import MediaAnswer
from local.stand_ins.scenario.callers import Relays
from local.stand_ins.scenario.faults import FaultList, Vendor
from local.stand_ins.scenario.limits import Limits
from local.stand_ins.scenario.posts import PostShelf
from local.stand_ins.supabase.storage import Storage

STARTING_CREDITS = 1_000_000


@dataclass(slots=True)
class Call:
    """One call that a vendor got; never its headers, query or body, which may hold keys and content.

    Of these it says no more than which words of a test's own are in them.
    """

    method: str
    path: str
    status: int | None = None
    """None: no answer was sent (yet)."""
    parts: list[str] | None = None
    """What the parts of a question to a model are, such as `image/jpeg`, in order; None for other calls."""
    about: list[str] = field(default_factory=list)
    """Which of the watched words its query or body has."""
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


@dataclass(slots=True)
class StandIns:
    """Everything behind the routes."""

    signing_key: SigningKey = field(default_factory=SigningKey.generate)
    clerk: ClerkUsers = field(default_factory=ClerkUsers)
    clerk_webhooks: Subscription = field(default_factory=Subscription)
    posts: PostShelf = field(default_factory=PostShelf)
    faults: FaultList = field(default_factory=FaultList)
    limits: Limits = field(default_factory=Limits)
    relays: Relays = field(default_factory=Relays)
    watched: set[str] = field(default_factory=set)
    """Words of which a test wants to know which calls have them."""
    calls: dict[Vendor, list[Call]] = field(default_factory=lambda: {vendor: [] for vendor in Vendor})
    twitterapi_credits: int = STARTING_CREDITS
    brightdata: Jobs = field(default_factory=Jobs)
    storage: Storage = field(default_factory=Storage)
    media_answers: dict[str, MediaAnswer] = field(default_factory=dict)
    """What media hosts answer at some addresses, `host/path`, instead of a file of a post."""

    def __post_init__(self) -> None:
        self.clerk.tell = self.clerk_webhooks.tell

    def reset(self) -> None:
        """Go back to the samples; keys, users and sessions stay, so that tokens already handed out still work."""
        self.faults.clear()
        self.limits = Limits()
        self.watched.clear()
        self.clerk_webhooks.cancel()
        self.clerk.codes.reset()
        self.clerk.is_production = False
        self.posts.reload()
        self.twitterapi_credits = STARTING_CREDITS
        self.brightdata.reset()
        self.storage.reset()
        self.media_answers.clear()
        for calls in self.calls.values():
            calls.clear()


async def _stand_ins_of(request: Request) -> StandIns:
    stand_ins: StandIns = request.app.state.stand_ins
    return stand_ins


State = Annotated[StandIns, Depends(_stand_ins_of)]


def call_of(request: Request) -> Call:
    """Return the note that the gate has made of this call."""
    call: Call = request.state.call
    return call
