"""A collector of calls that refuses calls with given keys."""

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import CallThrottled
from whyviral.integrations.ports.call_recorder import CallIntent
from whyviral.vendor_calls.calls import CallCollector


class RefusingCollector(CallCollector):
    """A collector that behaves like the ledger while calls to a provider are throttled."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: dict[str, tuple[ErrorCategory, float]] = {}
        """By a key's hash: the reason why its calls are refused, and for how long."""
        self.lets = 0
        """The number of calls that are allowed before the refusals apply."""
        self.begun: list[CallIntent] = []

    def begin(self, intent: CallIntent) -> None:
        """Allow or refuse a call.

        Raises:
            CallThrottled: the call is refused.
        """
        refusal = self.refusals.get(intent.key_hash or "")
        if refusal is not None and len(self.begun) >= self.lets:
            category, retry_after_s = refusal
            raise CallThrottled("Not now.", provider=intent.provider, category=category, retry_after_s=retry_after_s)
        self.begun.append(intent)
