"""Pages of a list: 20 rows each, with the total count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

PAGE_SIZE = 20
MAX_PAGE = 10_000


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


class PageQuery:
    """An ordered query that is read one page at a time. Build it once, with `bindparam`s: building it takes time.

    The page and the count come from one statement. Only a page beyond the end needs a second one, because no row
    carries the count there.
    """

    def __init__(self, query: Select[*tuple[Any, ...]]) -> None:
        count = select(func.count()).select_from(query.order_by(None).subquery())
        total_count = count.scalar_subquery().label("total_count")
        self._count = count
        self._page = query.add_columns(total_count).limit(PAGE_SIZE).offset(bindparam("page_offset"))
        self._is_single = len(query.column_descriptions) == 1

    def read(self, session: Session, number: int, params: Mapping[str, Any] | None = None) -> Page[Any]:
        """Return one page.

        If the query selects a single entity, the page holds those entities. Otherwise it holds rows, whose last column
        is the count.

        Args:
            session: the transaction.
            number: the page; the first is 1.
            params: the values of the query's `bindparam`s.
        """
        values = dict(params or {})
        found = session.execute(self._page, values | {"page_offset": (number - 1) * PAGE_SIZE}).all()
        if not found:
            total = 0 if number == 1 else session.scalar(self._count, values) or 0
            return Page(rows=[], count=total, number=number)
        rows = [row[0] for row in found] if self._is_single else found
        return Page(rows=rows, count=found[0][-1], number=number)


def read_page(session: Session, query: Select[*tuple[Any, ...]], number: int) -> Page[Any]:
    """Return one page of an ordered query that is built for this page alone, as `PageQuery.read` does."""
    return PageQuery(query).read(session, number)
