"""A row of `api_access_logs` for every request, written once its answer is out; no request waits long for its row.

Under uvicorn the client has its answer by then. Under Mangum there is no "then": a sandbox is frozen as soon as the
function returns, so API Gateway gets the answer after the row is written, over a connection that is open already.
"""

import asyncio
import time
from collections.abc import Callable

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from whyviral.analytics.service import ApiAccess, record_access
from whyviral.core.database import single_statement

from .dependencies import caller_of, services_of
from .errors import DATABASE_ERRORS

UNRECORDED_ROUTES = frozenset({"/health/live/"})
"""Asked every few seconds, and promised to need nothing."""
_LONGEST_WAIT_S = 1.0
"""For a connection, when requests need all of them; the insert itself ends with the socket's timeout at the latest."""
_PAUSE_S = 30.0


class AccessLog:
    """Writes rows, and gives up for a while when the database takes none: a record is not worth an outage."""

    def __init__(self, logger: Logger, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._monotonic = monotonic
        self._paused_until = 0.0

    async def write(self, request: Request, *, route: str | None, status: int, duration_s: float) -> None:
        """Record a request that has been answered."""
        if route in UNRECORDED_ROUTES or _is_preflight(request) or self._monotonic() < self._paused_until:
            return
        if getattr(request.state, "is_repeated_refusal", False):
            return
        access = _access(request, route=route, status=status, duration_s=duration_s)
        services = services_of(request)
        if getattr(request.state, "is_database_silent", False):
            # Whoever waits for the answer has just waited for the database, and would wait as long again.
            self._pause(access, "the database does not answer")
            return
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                await services.connections.acquire()
            try:
                await run_in_threadpool(_insert, services.engine, access)
            finally:
                services.connections.release()
        except (SQLAlchemyError, *DATABASE_ERRORS) as exc:
            self._pause(access, type(exc).__name__)

    def _pause(self, access: ApiAccess, error: str) -> None:
        self._paused_until = self._monotonic() + _PAUSE_S
        details = {"request_id": access.request_id, "error": error, "pause_s": _PAUSE_S}
        self._logger.warning("access not recorded", extra=details)


def _is_preflight(request: Request) -> bool:
    # A browser's question before the request itself, which is recorded.
    return request.method == "OPTIONS" and "access-control-request-method" in request.headers


def _access(request: Request, *, route: str | None, status: int, duration_s: float) -> ApiAccess:
    caller = caller_of(request)
    return ApiAccess(
        request_id=str(request.state.request_id),
        method=request.method[:20],
        route=route,
        status=status,
        response_time_ms=round(duration_s * 1000),
        error_code=getattr(request.state, "error_code", None),
        user_id=getattr(request.state, "user_id", None),
        address=caller.address,
        user_agent=caller.user_agent,
    )


def _insert(engine: Engine, access: ApiAccess) -> None:
    with single_statement(engine) as connection:
        record_access(connection, access)
