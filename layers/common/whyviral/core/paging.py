"""Reading one page of a query."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from .pagination import PAGE_SIZE, Page, offset_of


def read_page(session: Session, query: Select[*tuple[Any, ...]], number: int) -> Page[Any]:
    """Return a page of an ordered query: entities where it selects one alone, else rows; two statements."""
    count = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    result = session.execute(query.limit(PAGE_SIZE).offset(offset_of(number)))
    rows = result.all() if len(query.column_descriptions) > 1 else result.scalars().all()
    return Page(rows=rows, count=count, number=number)
