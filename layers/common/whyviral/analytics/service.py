"""The log of API accesses."""

import uuid
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert

from .models import ApiAccessLog

_INSERT_ACCESS = insert(ApiAccessLog.metadata.tables[ApiAccessLog.__tablename__])
"""Built once, and with Core instead of the ORM, which takes longer than the database: every request waits for it."""


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


def record_access(connection: Connection, access: ApiAccess) -> None:
    """Append an access in one statement."""
    connection.execute(_INSERT_ACCESS, asdict(access))
