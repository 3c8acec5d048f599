"""Pages of a list: 20 rows, counted, with links that do not depend on what the client claims to be."""

from collections.abc import Sequence
from dataclasses import dataclass

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class Page[Row]:
    """One page of rows and how many rows there are in all."""

    rows: Sequence[Row]
    count: int
    number: int

    @property
    def has_next(self) -> bool:
        """Whether rows follow this page."""
        return self.number * PAGE_SIZE < self.count


def offset_of(page_number: int) -> int:
    """Return how many rows precede a page; pages count from 1."""
    return (page_number - 1) * PAGE_SIZE
