"""The calls that were made on behalf of one unit of work."""

from dataclasses import dataclass, field

from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall


@dataclass(slots=True)
class CallCollector:
    """Collects the calls made on behalf of one unit of work."""

    calls: list[ExternalCall] = field(default_factory=list)

    def begin(self, intent: CallIntent) -> None:
        """Accept any call; `Ledger` overrides this to reserve its cost."""

    def record(self, call: ExternalCall, *, retry_after_s: float | None = None) -> None:  # noqa: ARG002 - for ledgers
        """Add one finished call, successful or not.

        Args:
            call: the finished call.
            retry_after_s: the wait that the vendor asked for, if any.
        """
        self.calls.append(call)

    def drain(self) -> list[ExternalCall]:
        """Return the collected calls and clear the list, so that no call is written twice."""
        drained, self.calls = self.calls, []
        return drained
