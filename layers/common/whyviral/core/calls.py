"""A record of every call to an outside system, collected by the clients and written by the edge."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ExternalCall:
    """One HTTP exchange with a vendor, as it will be logged and billed; never holds content or keys."""

    provider: str
    """"twitterapi", "gemini", "clerk"."""
    operation: str
    """Method and path template, such as `GET /twitter/tweets`."""
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


@dataclass(slots=True)
class CallCollector:
    """Collects the calls made on behalf of one unit of work."""

    calls: list[ExternalCall] = field(default_factory=list)

    def record(self, call: ExternalCall) -> None:
        """Add one finished call, successful or not."""
        self.calls.append(call)

    def drain(self) -> list[ExternalCall]:
        """Return what was collected and start again, so that no call is written twice."""
        drained, self.calls = self.calls, []
        return drained
