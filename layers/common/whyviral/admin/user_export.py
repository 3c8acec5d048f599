"""Exports all that is kept about one user, as pages of newline-delimited JSON."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from whyviral.core.errors import AppError

from .user_data import USER_ROWS, Owner, UserRows

MAX_PAGE_BYTES = 4_000_000
_BATCH_ROWS = 50
_CURSOR_LINE_BYTES = 200
"""Room for the last line."""


class InvalidExportCursor(AppError):
    """The cursor does not come from an export."""

    status_code = 400
    code = "invalid_export_cursor"

    def __init__(self) -> None:
        super().__init__("This cursor is not one of an export. Leave it out to start from the beginning.")


class ExportLine(BaseModel):
    """One line of an export: a row with the name of its table, or, as the last line of a page, the next cursor.

    The columns of a row are those of its table. `next_cursor` is null on every line but the last of a page, and null
    there, too, when the export is complete.
    """

    model_config = ConfigDict(frozen=True)

    table: str | None = None
    row: dict[str, Any] | None = None
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The place after which an export goes on: a table and the last id of it that was exported."""

    table: int
    after: uuid.UUID

    def __str__(self) -> str:
        return f"{USER_ROWS[self.table].model.__tablename__}:{self.after}"

    @classmethod
    def parse(cls, text: str | None) -> Self:
        if text is None:
            return cls(0, uuid.UUID(int=0))
        name, _, after = text.partition(":")
        numbers = [number for number, rows in enumerate(USER_ROWS) if rows.model.__tablename__ == name]
        try:
            return cls(numbers[0], uuid.UUID(after))
        except (IndexError, ValueError):
            raise InvalidExportCursor from None


def export_page(session: Session, owner: Owner, *, cursor: str | None = None, max_bytes: int = MAX_PAGE_BYTES) -> bytes:
    """Return a page of lines, each an `ExportLine` as JSON; the last one says where the next page starts.

    Args:
        session: the transaction.
        owner: the user.
        cursor: `next_cursor` of the page before; None starts the export.
        max_bytes: of the page. A single row that is larger is a page of its own.

    Raises:
        InvalidExportCursor: `cursor` does not come from an export.
    """
    place = _Cursor.parse(cursor)
    page = bytearray()
    is_complete = True
    for table, row_id, line in _lines(session, owner, place):
        if page and len(page) + len(line) + _CURSOR_LINE_BYTES > max_bytes:
            is_complete = False
            break
        page += line
        place = _Cursor(table, row_id)
    page += _encode(ExportLine(next_cursor=None if is_complete else str(place)))
    return bytes(page)


def _lines(session: Session, owner: Owner, place: _Cursor) -> Iterator[tuple[int, uuid.UUID, bytes]]:
    for table in range(place.table, len(USER_ROWS)):
        rows = USER_ROWS[table]
        after = place.after if table == place.table else uuid.UUID(int=0)
        while batch := _batch(session, owner, rows, after):
            for row in batch:
                after = row["id"]
                yield table, after, _encode(ExportLine(table=rows.model.__tablename__, row=row))
            if len(batch) < _BATCH_ROWS:
                break


def _batch(session: Session, owner: Owner, rows: UserRows, after: uuid.UUID) -> list[dict[str, Any]]:
    columns = rows.model.__table__.columns
    query = (
        select(*(column for column in columns if column.name not in rows.hidden))
        .where(rows.belongs_to(owner), columns["id"] > after)
        .order_by(columns["id"])
        .limit(_BATCH_ROWS)
    )
    return [dict(row) for row in session.execute(query).mappings()]


def _encode(line: ExportLine) -> bytes:
    return line.model_dump_json().encode() + b"\n"
