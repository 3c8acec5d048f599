"""Pages of a list: 20 rows each, with the total count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class Page[Row]:
    """One page of rows, and the number of rows on all pages."""

    rows: Sequence[Row]
    count: int
    number: int

    @property
    def has_next(self) -> bool:
        """Whether another page follows this one."""
        return self.number * PAGE_SIZE < self.count


def read_page(session: Session, query: Select[*tuple[Any, ...]], number: int) -> Page[Any]:
    """Return one page of an ordered query.

    The page and the count come from one statement. Only a page beyond the end needs a second one, because no row
    carries the count there.

    Args:
        session: the transaction.
        query: the ordered query. If it selects a single entity, the page holds those entities. Otherwise it holds
            rows, whose last column is the count.
        number: the page; the first is 1.
    """
    count = select(func.count()).select_from(query.order_by(None).subquery())
    offset = (number - 1) * PAGE_SIZE
    page = query.add_columns(count.scalar_subquery().label("total_count")).limit(PAGE_SIZE).offset(offset)
    found = session.execute(page).all()
    if not found:
        total = 0 if number == 1 else session.scalar(count) or 0
        return Page(rows=[], count=total, number=number)
    is_single = len(query.column_descriptions) == 1
    rows = [row[0] for row in found] if is_single else found
    return Page(rows=rows, count=found[0][-1], number=number)
