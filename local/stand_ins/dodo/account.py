"""The stand-in's one account at Dodo: its books on a clock that tests move, and its webhooks."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from local.stand_ins.dodo import archive
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

    file: Path | None = None
    """Where the books are kept; None: in memory."""
    books: Books = field(init=False)
    deliveries: Deliveries = field(init=False)
    _clock: ShiftedClock = field(default_factory=ShiftedClock)

    def __post_init__(self) -> None:
        self.books = Books(clock=self._clock, new_id=random_id)
        if self.file is not None:
            archive.load(self.books, self._clock, self.file)
        self.deliveries = Deliveries(self.books)
        self.books.publish = self.deliveries.publish

    def emptied(self) -> "DodoAccount":
        """Return a new account in place of this one, whose deliveries and file end."""
        self.deliveries.cancel()
        if self.file is not None:
            self.file.unlink(missing_ok=True)
        return DodoAccount(self.file)

    def save(self) -> None:
        """Write the books to their file, if they have one."""
        if self.file is not None:
            archive.save(self.books, self._clock, self.file)
