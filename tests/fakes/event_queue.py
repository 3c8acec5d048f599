"""A queue in memory."""

import uuid
from dataclasses import dataclass, field

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError


@dataclass(slots=True)
class FakeEventQueue:
    """An `EventQueue` whose messages a test receives."""

    events: list[uuid.UUID] = field(default_factory=list)
    is_down: bool = False

    def send(self, event_id: uuid.UUID) -> None:
        if self.is_down:
            raise ProviderError("down", provider="sqs", category=ErrorCategory.PROVIDER_ERROR, is_transient=True)
        self.events.append(event_id)
