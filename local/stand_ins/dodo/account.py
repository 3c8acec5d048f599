"""The stand-in's one account at Dodo: its books on a clock that tests move, and its webhooks."""

import secrets
from dataclasses import dataclass, field

from local.stand_ins.dodo.business.books import Books
from local.stand_ins.dodo.business.clock import ShiftedClock
from local.stand_ins.dodo.webhooks import Deliveries

API_KEY = "dodo_test_stand_in"


def random_id(prefix: str) -> str:
    """Return an id that no other run of the stand-in has given out, because databases outlive it."""
    return f"{prefix}_{secrets.token_hex(10)}"


@dataclass(slots=True)
class DodoAccount:
    """The books, and the sender of their events."""

    books: Books = field(default_factory=lambda: Books(clock=ShiftedClock(), new_id=random_id))
    deliveries: Deliveries = field(init=False)

    def __post_init__(self) -> None:
        self.deliveries = Deliveries(self.books)
        self.books.publish = self.deliveries.publish
