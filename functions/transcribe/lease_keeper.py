"""Lease on a medium: renews the claim while the worker reads it."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aws_lambda_powertools import Logger
from sqlalchemy.exc import SQLAlchemyError

from whyviral.social.media.claims import LEASE

RENEWED_EVERY_S = LEASE.total_seconds() / 4


class Lease:
    """Renews a claim in a thread of its own as long as the `with` block runs, and then releases it."""

    def __init__(
        self,
        renew: Callable[[], object],
        release: Callable[[], object],
        *,
        logger: Logger,
        interval_s: float = RENEWED_EVERY_S,
    ) -> None:
        """Prepare the thread; entering the block starts it.

        Args:
            renew: extends the claim.
            release: ends the claim; if that fails, the claim expires.
            logger: records failed renewals.
            interval_s: seconds between two renewals.
        """
        self._renew = renew
        self._release = release
        self._logger = logger
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _exc: BaseException | None, _: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._try(self._release)

    def _run(self) -> None:
        while not self._ended.wait(self._interval_s):
            self._try(self._renew)

    def _try(self, change: Callable[[], object]) -> None:
        try:
            change()
        except SQLAlchemyError as exc:
            self._logger.warning("a claim could not be changed", extra={"error": type(exc).__name__})
