"""The port for recording calls to vendors: each call is announced before it is made, and recorded afterwards."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallIntent:
    """A call that is about to be made; it never holds content or keys."""

    provider: str
    """"twitterapi", "gemini", "clerk"."""
    operation: str
    """Method and path template, such as `GET /twitter/tweets`."""
    started_at: datetime
    key_hash: str | None = None
    """A hash of the API key, for vendors with limits per key."""
    requests_per_second: float | None = None
    """The rate limit of this key; None: the vendor's default."""
    most_usd: Decimal | None = Decimal(0)
    """The upper bound of its cost. None: unknown. Zero: the call is free."""
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
    """HTTP status; None: there was no answer."""
    error_category: str | None = None
    """None for success, else an `ErrorCategory` value."""
    cost_usd: Decimal | None = Decimal(0)
    """None: the cost is unknown. Zero: the call is free."""
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    is_stand_in: bool = False
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    """The id of its `CallIntent`."""
    job_id: str | None = None
    """The vendor's job that this call started, whose price is known at its end, or whose end this call reported."""
    reserved_usd: Decimal | None = None
    """The amount that a ledger reserved for this call; None: the call is free, or no ledger was used."""


class CallRecorder(Protocol):
    """Receives each call of a client twice: before and after it is made."""

    def begin(self, intent: CallIntent) -> None:
        """Announce a call that is about to be made.

        Raises:
            ProviderError: the call is not allowed, now or at all.
        """
        ...

    def record(self, call: ExternalCall, *, retry_after_s: float | None = None) -> None:
        """Record one finished call, successful or not.

        Args:
            call: the finished call.
            retry_after_s: the wait in seconds that the vendor asked for; None: it asked for none.
        """
        ...
