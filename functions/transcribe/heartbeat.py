"""Heartbeats of a job: they keep the task of Step Functions alive while the work goes on."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aws_lambda_powertools import Logger

from whyviral.integrations.aws.task_tokens import TaskGone, TaskReporter
from whyviral.integrations.errors import ProviderError

INTERVAL_S = 20.0


class Heartbeat:
    """Sends a heartbeat at once and then every 20 s, in a thread that lives as long as the `with` block."""

    def __init__(
        self,
        reporter: TaskReporter,
        *,
        on_gone: Callable[[], object],
        logger: Logger,
        also: Callable[[], object] = lambda: None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """Prepare the thread; entering the block starts it.

        Args:
            reporter: receives the heartbeats.
            on_gone: called once, when the task has ended and no longer takes heartbeats.
            logger: records failed heartbeats; the next one may succeed.
            also: called with every heartbeat; may raise ProviderError.
            interval_s: seconds between heartbeats.
        """
        self._reporter = reporter
        self._on_gone = on_gone
        self._logger = logger
        self._also = also
        self._interval_s = interval_s
        self.is_gone = False
        """Whether the task has ended and no longer takes heartbeats."""
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
