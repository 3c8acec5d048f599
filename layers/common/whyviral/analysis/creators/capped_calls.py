"""A recorder of calls that refuses those that could exceed the price of one list of posts."""

from dataclasses import dataclass, field
from decimal import Decimal

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallIntent, CallRecorder, ExternalCall


class ListTooExpensive(ProviderError):
    """The call could cost more than one list of a creator's posts may."""


@dataclass(slots=True)
class CappedCalls:
    """Passes calls on to another recorder while their highest possible cost stays within `max_usd`."""

    calls: CallRecorder
    max_usd: Decimal
    _committed_usd: Decimal = Decimal(0)
    _most_usd: dict[object, Decimal] = field(default_factory=dict)

    def begin(self, intent: CallIntent) -> None:
        """Announce a call.

        Raises:
            ListTooExpensive: the list could cost too much, or the price of the call is unknown.
            ProviderError: the other recorder refuses the call.
        """
        if intent.most_usd is None or self._committed_usd + intent.most_usd > self.max_usd:
            raise ListTooExpensive(
                f"Reading the creator's other posts could cost more than {self.max_usd} USD.",
                provider=intent.provider,
                category=ErrorCategory.RATE_LIMIT,
            )
        self.calls.begin(intent)
        self._committed_usd += intent.most_usd
        self._most_usd[intent.id] = intent.most_usd

    def record(self, call: ExternalCall, *, retry_after_s: float | None = None) -> None:
        """Record a finished call; a known cost replaces the highest possible one."""
        most_usd = self._most_usd.pop(call.id, Decimal(0))
        if call.cost_usd is not None and call.job_id is None:
            self._committed_usd += call.cost_usd - most_usd
        self.calls.record(call, retry_after_s=retry_after_s)
