"""Reading one page of a query."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from .pagination import PAGE_SIZE, Page, offset_of


def read_page(session: Session, query: Select[*tuple[Any, ...]], number: int) -> Page[Any]:
    """Return a page of an ordered query: entities where it selects one alone, else rows, which carry the count as well.

    Count and page are one statement, except on a page beyond the end, where no row carries the count.
    """
    count = select(func.count()).select_from(query.order_by(None).subquery())
    page = query.add_columns(count.scalar_subquery().label("rows_in_all")).limit(PAGE_SIZE).offset(offset_of(number))
    found = session.execute(page).all()
    if not found:
        total = 0 if number == 1 else session.scalar(count) or 0
        return Page(rows=[], count=total, number=number)
    is_single = len(query.column_descriptions) == 1
    rows = [row[0] for row in found] if is_single else found
    return Page(rows=rows, count=found[0][-1], number=number)
