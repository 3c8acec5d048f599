"""The lease on a medium, renewed while the worker processes it."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aws_lambda_powertools import Logger
from sqlalchemy.exc import SQLAlchemyError

from whyviral.social.media.claims import LEASE

RENEWAL_INTERVAL_S = LEASE.total_seconds() / 4


class Lease:
    """Renews a claim from its own thread during the `with` block, and releases it at the end."""

    def __init__(
        self,
        renew: Callable[[], object],
        release: Callable[[], object],
        *,
        logger: Logger,
        interval_s: float = RENEWAL_INTERVAL_S,
    ) -> None:
        """Prepare the thread. Entering the `with` block starts it.

        Args:
            renew: extends the claim.
            release: ends the claim. If it fails, the claim expires.
            logger: logs failed renewals and releases.
            interval_s: seconds between two renewals.
        """
        self._renew = renew
        self._release = release
        self._logger = logger
        self._interval_s = interval_s
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _exc: BaseException | None, _: TracebackType | None) -> None:
        self._finished.set()
        self._thread.join()
        self._try(self._release)

    def _run(self) -> None:
        while not self._finished.wait(self._interval_s):
            self._try(self._renew)

    def _try(self, change: Callable[[], object]) -> None:
        try:
            change()
        except SQLAlchemyError as exc:
            self._logger.warning("claim not changed", extra={"error": type(exc).__name__})
