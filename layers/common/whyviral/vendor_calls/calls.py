"""A record of every call to an outside system: announced and collected by the clients, written by the edge."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class CallIntent:
    """A call that is about to be made; never holds content or keys."""

    provider: str
    """"twitterapi", "gemini", "clerk"."""
    operation: str
    """Method and path template, such as `GET /twitter/tweets`."""
    started_at: datetime
    key_hash: str | None = None
    """Names the API key, where a provider's patience is counted by key."""
    requests_per_second: float | None = None
    """How often the provider may be asked with this key; None: as often as any of its keys may."""
    most_usd: Decimal | None = Decimal(0)
    """What it can cost at most. None: nobody knows. Zero: the call is free."""
    model: str | None = None
    is_stand_in: bool = False
    id: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True, slots=True)
class ExternalCall:
    """One HTTP exchange with a vendor, as it will be logged and billed; never holds content or keys."""

    provider: str
    operation: str
    started_at: datetime
    duration_ms: int
    status: int | None
    """HTTP status; None when no answer came."""
    error_category: str | None = None
    """None for success, else an `ErrorCategory` value."""
    cost_usd: Decimal | None = Decimal(0)
    """None: the price is not known. Zero: the call is free."""
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    is_stand_in: bool = False
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    """Of the intent before it."""
    job_id: str | None = None
    """The provider's work that it has begun, whose price is not known before it ends, or that has ended with it."""
    reserved_usd: Decimal | None = None
    """What a ledger has reserved for it; None: it was free, or nobody kept a ledger."""


@dataclass(slots=True)
class CallCollector:
    """Collects the calls made on behalf of one unit of work."""

    calls: list[ExternalCall] = field(default_factory=list)

    def begin(self, intent: CallIntent) -> None:
        """Take notice of a call that is about to be made; who keeps a ledger may refuse it.

        Raises:
            ProviderError: it must not be made now, or at all.
        """

    def record(self, call: ExternalCall, *, retry_after_s: float | None = None) -> None:  # noqa: ARG002 - for ledgers
        """Add one finished call, successful or not.

        Args:
            call: what became of it.
            retry_after_s: how long the provider asked us to wait, where it did.
        """
        self.calls.append(call)

    def drain(self) -> list[ExternalCall]:
        """Return what was collected and start again, so that no call is written twice."""
        drained, self.calls = self.calls, []
        return drained
