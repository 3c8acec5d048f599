"""Tells whoever gave us the work, all the time, that it goes on."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aws_lambda_powertools import Logger

from whyviral.integrations.aws.task_tokens import TaskGone, TaskReporter
from whyviral.integrations.errors import ProviderError

INTERVAL_S = 20.0


class Heartbeat:
    """Beats at once and then every 20 s in a thread of its own, from entering the block until leaving it."""

    def __init__(
        self,
        reporter: TaskReporter,
        *,
        on_gone: Callable[[], object],
        logger: Logger,
        also: Callable[[], object] = lambda: None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """Make it.

        Args:
            reporter: whom to tell.
            on_gone: called once, when nobody waits for the work any more.
            logger: hears of beats that failed; the next one may succeed.
            also: done with every beat; may raise ProviderError.
            interval_s: seconds from beat to beat.
        """
        self._reporter = reporter
        self._on_gone = on_gone
        self._logger = logger
        self._also = also
        self._interval_s = interval_s
        self.is_gone = False
        """Whether nobody waits for the work any more."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _exc: BaseException | None, _: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._reporter.beat()
                self._also()
            except TaskGone as exc:
                self._logger.info("nobody waits for this task any more", extra={"reason": str(exc)})
                self.is_gone = True
                self._on_gone()
                return
            except ProviderError as exc:
                self._logger.warning("a heartbeat failed", extra={"provider": exc.provider})
            if self._ended.wait(self._interval_s):
                return
