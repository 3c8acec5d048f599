"""Heartbeats of a job, so that its Step Functions task does not time out while the worker is busy."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aws_lambda_powertools import Logger

from whyviral.integrations.aws.task_tokens import TaskGone, TaskReporter
from whyviral.integrations.errors import ProviderError

INTERVAL_S = 20.0


class Heartbeat:
    """Sends a heartbeat at once and then every 20 s, from a thread that runs during the `with` block."""

    def __init__(
        self,
        reporter: TaskReporter,
        *,
        on_gone: Callable[[], object],
        logger: Logger,
        on_beat: Callable[[], object] = lambda: None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """Prepare the thread. Entering the `with` block starts it.

        Args:
            reporter: receives the heartbeats.
            on_gone: called once, when the task has ended and no longer accepts heartbeats.
            logger: logs failed heartbeats, which are not retried: the next one may succeed.
            on_beat: called after every heartbeat; may raise ProviderError.
            interval_s: seconds between heartbeats.
        """
        self._reporter = reporter
        self._on_gone = on_gone
        self._logger = logger
        self._on_beat = on_beat
        self._interval_s = interval_s
        self.is_gone = False
        """Whether the task has ended and no longer accepts heartbeats."""
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _exc: BaseException | None, _: TracebackType | None) -> None:
        self._finished.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._reporter.beat()
                self._on_beat()
            except TaskGone as exc:
                self._logger.info("task has already ended", extra={"reason": str(exc)})
                self.is_gone = True
                self._on_gone()
                return
            except ProviderError as exc:
                self._logger.warning("heartbeat failed", extra={"provider": exc.provider})
            if self._finished.wait(self._interval_s):
                return
