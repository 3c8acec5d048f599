"""A collector that lets no call through which it was told to refuse."""

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import CallThrottled
from whyviral.integrations.ports.call_recorder import CallIntent
from whyviral.vendor_calls.calls import CallCollector


class RefusingCollector(CallCollector):
    """Plays the ledger where a provider is to be left in peace."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: dict[str, tuple[ErrorCategory, float]] = {}
        """Why calls with a key are refused, and for how long, by its hash."""
        self.lets = 0
        """Calls let through before any refusal counts."""
        self.begun: list[CallIntent] = []

    def begin(self, intent: CallIntent) -> None:
        """Let the call through, or not.

        Raises:
            CallThrottled: it is refused.
        """
        refusal = self.refusals.get(intent.key_hash or "")
        if refusal is not None and len(self.begun) >= self.lets:
            category, retry_after_s = refusal
            raise CallThrottled("Not now.", provider=intent.provider, category=category, retry_after_s=retry_after_s)
        self.begun.append(intent)
