"""The access log: one row in `api_access_logs` per request, written after the answer.

Under uvicorn the client has its answer before the row is written. Under Mangum it cannot: Lambda freezes a sandbox as
soon as the function returns, so API Gateway gets the answer after the row. The row uses a connection that is already
open. While one statement is written, the rows of other requests wait, and the next statement writes all of them.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from whyviral.analytics.service import ApiAccess, record_accesses
from whyviral.core.database import single_statement
from whyviral.core.postgres.statement_failures import DATABASE_ERRORS
from whyviral.core.telemetry.catalogue import ACCESSES_DROPPED
from whyviral.core.telemetry.metrics import record

from .console.pages import ASSET_ROUTE
from .dependencies import Services, caller_of, services_of

UNRECORDED_ROUTES = frozenset({"/health/live/", ASSET_ROUTE})
"""The liveness probe is polled every few seconds, and a page loads many files; neither must touch the database."""
_CONNECTION_TIMEOUT_S = 10.0
"""How long rows wait for a connection while requests use all of them."""
_MAX_WAITING = 1_000
_MAX_ROWS_PER_STATEMENT = 200
_MIN_PAUSE_S = 1.0
_MAX_PAUSE_S = 30.0
_REPORT_INTERVAL_S = 30.0


class AccessLog:
    """Writes the rows. When the database fails, it backs off, drops rows and reports how many it dropped.

    The pause doubles with each consecutive failure, so that the log does not add load to a database in trouble.
    """

    def __init__(self, logger: Logger, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._monotonic = monotonic
        self._pause_s = _MIN_PAUSE_S
        self._paused_until_mono_s = 0.0
        self._waiting: deque[tuple[ApiAccess, float]] = deque()
        self._is_writing = False
        self._dropped = 0
        self._reported_at_mono_s = 0.0

    async def write(self, request: Request, *, route: str | None, status: int, duration_s: float) -> None:
        """Write the row of an answered request, or drop it while the log is paused."""
        if route in UNRECORDED_ROUTES or _is_preflight(request):
            return
        if self._monotonic() < self._paused_until_mono_s:
            self._drop("paused")
            return
        if getattr(request.state, "is_database_silent", False):
            # The request has just timed out waiting for the database; its row would wait as long again.
            self._pause("the database did not answer")
            return
        if getattr(request.state, "is_repeated_refusal", False):
            return
        if len(self._waiting) >= _MAX_WAITING:
            self._drop("too many rows wait")
            return
        access = _access(request, route=route, status=status, duration_s=duration_s)
        self._waiting.append((access, time.monotonic() - duration_s))
        if not self._is_writing:
            await self._write_all(services_of(request))

    async def _write_all(self, services: Services) -> None:
        """Write until no row waits, including those that other requests add meanwhile."""
        self._is_writing = True
        try:
            while self._waiting:
                await self._write_waiting(services)
        finally:
            self._is_writing = False

    async def _write_waiting(self, services: Services) -> None:
        try:
            async with asyncio.timeout(_CONNECTION_TIMEOUT_S):
                await services.connections.acquire()
        except TimeoutError:
            self._drop("no connection was free", self._take_all())
            return
        rows = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_ROWS_PER_STATEMENT))]
        accesses = [access for access, _ in rows]
        try:
            await services.run(_insert, services.engine, accesses, max(started_mono_s for _, started_mono_s in rows))
        except (SQLAlchemyError, *DATABASE_ERRORS) as exc:
            self._pause(type(exc).__name__, len(rows) + self._take_all())
        else:
            self._pause_s = _MIN_PAUSE_S
            self._report("the database accepts rows again")
        finally:
            services.connections.release()

    def _take_all(self) -> int:
        """Discard the waiting rows and return their number."""
        number = len(self._waiting)
        self._waiting.clear()
        return number

    def _pause(self, reason: str, dropped: int = 1) -> None:
        self._paused_until_mono_s = self._monotonic() + self._pause_s
        self._pause_s = min(self._pause_s * 2, _MAX_PAUSE_S)
        self._drop(reason, dropped)

    def _drop(self, reason: str, number: int = 1) -> None:
        self._dropped += number
        if self._reported_at_mono_s == 0.0 or self._monotonic() - self._reported_at_mono_s >= _REPORT_INTERVAL_S:
            self._report(reason)

    def _report(self, reason: str) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped == 0:
            return
        self._reported_at_mono_s = self._monotonic()
        self._logger.warning("access log rows dropped", extra={"dropped": dropped, "reason": reason})
        record(ACCESSES_DROPPED, dropped)


def _is_preflight(request: Request) -> bool:
    # The browser sends the real request next, and that one is recorded.
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


def _insert(engine: Engine, accesses: Sequence[ApiAccess], used_since_mono_s: float) -> None:
    with single_statement(engine, used_since_mono_s=used_since_mono_s) as connection:
        record_accesses(connection, accesses)
