"""The unit of work whose budget a call to a vendor counts against."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from sqlalchemy.orm import Session

from .call_log import CallOwner


@dataclass(frozen=True, slots=True)
class OwnerCosts:
    """The cost of one owner's calls, and the part of its reservation that they release."""

    owner_id: uuid.UUID
    calls: int
    """How many of them were not counted when they were reserved."""
    cost_usd: Decimal
    released_usd: Decimal


class BudgetOwner(Protocol):
    """Reserves and settles money: an attempt of an analysis request, or a chat message.

    All methods work inside the caller's transaction. `reserve` and `settle` lock the owner's row; the day's row is
    locked after it, in every transaction, so that no two wait for each other.
    """

    @property
    def id(self) -> uuid.UUID:
        """Return the id by which settled costs name this owner."""
        ...

    @property
    def kind(self) -> str:
        """Return the word for this owner in messages to users, such as "analysis"."""
        ...

    @property
    def call_owner(self) -> CallOwner:
        """Return how the call log names this owner."""
        ...

    def reserve(self, session: Session, usd: Decimal, *, max_usd: Decimal) -> bool:
        """Reserve the cost of one call; False where the owner is no longer current or would exceed `max_usd`."""
        ...

    def is_current(self, session: Session) -> bool:
        """Whether this owner may still make calls; False once it has ended or was superseded."""
        ...

    def settle(self, session: Session, costs: Sequence[OwnerCosts]) -> None:
        """Book costs in ascending order of owner ids, superseded owners included: the money is spent all the same.

        A vendor's job is paid for by the owner that began it, so `costs` may name other owners of the same kind.
        """
        ...
