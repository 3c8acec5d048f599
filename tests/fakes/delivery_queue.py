"""A queue of deliveries in memory."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError


@dataclass(slots=True)
class FakeDeliveryQueue:
    """A `DeliveryQueue` whose messages a test receives."""

    messages: list[tuple[uuid.UUID, int]] = field(default_factory=list)
    """The ids and the delays in seconds."""
    is_down: bool = False

    def send(self, delivery_ids: Sequence[uuid.UUID], *, delay_s: int = 0) -> None:
        if self.is_down:
            raise ProviderError("down", provider="sqs", category=ErrorCategory.PROVIDER_ERROR, is_transient=True)
        self.messages += [(delivery_id, delay_s) for delivery_id in delivery_ids]

    def receive(self) -> list[uuid.UUID]:
        """Return the ids of all messages, and remove them."""
        messages, self.messages = self.messages, []
        return [delivery_id for delivery_id, _ in messages]
