"""The budget of one answer: its calls are reserved and settled on its row, and logged under its id."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from whyviral.vendor_calls.budget_owner import OwnerCosts
from whyviral.vendor_calls.call_log import CallOwner

from .repository import answer_queries

STEP = "chat"
"""The step under which the call log records the calls of answers."""


@dataclass(frozen=True, slots=True)
class MessageBudget:
    """The `BudgetOwner` of an answer that one run writes."""

    message_id: uuid.UUID
    lease_owner: uuid.UUID
    user_id: uuid.UUID

    @property
    def id(self) -> uuid.UUID:
        """Return the id of the answer, to which costs are charged."""
        return self.message_id

    @property
    def kind(self) -> str:
        """Return the word for the owner in messages to users."""
        return "answer"

    @property
    def call_owner(self) -> CallOwner:
        """Return the owner under which the call log records the answer's calls."""
        return CallOwner(user_id=self.user_id, chat_message_id=self.message_id)

    def reserve(self, session: Session, usd: Decimal, *, max_usd: Decimal) -> bool:
        """Reserve the cost of one call; False if the lease is lost or the answer would exceed `max_usd`."""
        return answer_queries.reserve_cost(session, self.message_id, self.lease_owner, usd, max_usd=max_usd)

    def is_current(self, session: Session) -> bool:
        """Return whether this run still holds the lease."""
        return answer_queries.is_leased(session, self.message_id, self.lease_owner)

    def settle(self, session: Session, costs: Sequence[OwnerCosts]) -> None:
        """Charge costs to the answer, also when another run has ended it: the money is spent."""
        for each in costs:
            answer_queries.settle_cost(session, each.owner_id, cost_usd=each.cost_usd, released_usd=each.released_usd)
