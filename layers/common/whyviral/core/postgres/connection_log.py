"""Log lines about the database's reachability: one when it cannot be reached, and one when it can be again."""

import threading
import time
from collections.abc import Callable

from whyviral.core.logging import build_logger
from whyviral.core.telemetry.catalogue import DATABASE_UNREACHABLE
from whyviral.core.telemetry.metrics import record

from .connection_failures import Failure

_REPEAT_S = 60.0
logger = build_logger("database")


class ConnectionLog:
    """Logs the connection failures of one engine: each reason once, and again every minute while it lasts."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failure: Failure | None = None
        self._logged_at_mono_s = 0.0

    def record(self, failure: Failure | None) -> None:
        """Record a failed connection, or None for a successful one."""
        with self._lock:
            before, self._failure = self._failure, failure
            now_mono_s = self._monotonic()
            is_due = failure is not before or now_mono_s - self._logged_at_mono_s >= _REPEAT_S
            if failure is not None and is_due:
                self._logged_at_mono_s = now_mono_s
        if failure is not None:
            record(DATABASE_UNREACHABLE)
        if failure is not None and is_due:
            details = {"reason": failure.value, "what_to_do": failure.what_to_do}
            logger.error("the database cannot be reached", extra=details)
        elif failure is None and before is not None:
            logger.info("the database can be reached again", extra={"reason": before.value})
