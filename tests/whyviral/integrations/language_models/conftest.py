import pytest

from whyviral.integrations.ports.call_recorder import CallIntent
from whyviral.vendor_calls.calls import CallCollector


class WatchfulCollector(CallCollector):
    """A collector that checks that each call is announced before it is recorded, and recorded once."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[CallIntent] = []

    def begin(self, intent: CallIntent) -> None:
        self.begun.append(intent)

    def check(self) -> None:
        """Assert that every announced call has exactly one record."""
        assert [call.id for call in self.calls] == [intent.id for intent in self.begun]


@pytest.fixture
def calls() -> WatchfulCollector:
    return WatchfulCollector()
