"""The log of API accesses."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from .models import ApiAccessLog

_COLUMNS = {
    "request_id": "text",
    "method": "text",
    "route": "text",
    "status": "integer",
    "response_time_ms": "integer",
    "error_code": "text",
    "user_id": "uuid",
    "address": "text",
    "user_agent": "text",
}
_INSERT_ACCESSES = (
    f"insert into {ApiAccessLog.__tablename__} ({', '.join(_COLUMNS)}) "  # noqa: S608 - names of our own
    f"select * from json_to_recordset($1) as row ({', '.join(f'{name} {type_}' for name, type_ in _COLUMNS.items())})"
)
"""SQL for any number of rows, sent as it is: SQLAlchemy's compiler takes longer than the database."""


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """One request that the API answered."""

    request_id: str
    method: str
    route: str | None
    status: int
    response_time_ms: int
    error_code: str | None = None
    user_id: uuid.UUID | None = None
    address: str | None = None
    user_agent: str | None = None


def record_accesses(connection: Connection, accesses: Sequence[ApiAccess]) -> None:
    """Append accesses in one statement."""
    rows = [{name: getattr(access, name) for name in _COLUMNS} for access in accesses]
    connection.exec_driver_sql(_INSERT_ACCESSES, (json.dumps(rows, default=str),))
