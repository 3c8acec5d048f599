"""The deadline of a job, which also ends early when the job is stopped."""

import threading
import time

TO_SAVE_S = 20
"""The seconds that a job may need after its deadline, to save and report what it has."""


class WorkerStopped(Exception):
    """The job was stopped before its end. Its saved results stay."""


class OutOfTime(Exception):
    """The job reached its deadline while it worked. This is not a fault of the medium it was processing."""


class Deadline:
    """The deadline of one job. Another thread or a signal handler may stop the job earlier."""

    def __init__(self, seconds: float) -> None:
        self._end_mono_s = time.monotonic() + seconds
        self._stopped = threading.Event()

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; 0 once it is over or the job is stopped."""
        return 0.0 if self.is_stopped else max(self._end_mono_s - time.monotonic(), 0.0)

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed or the job was stopped."""
        return self.left_s <= 0.0

    @property
    def is_stopped(self) -> bool:
        """Whether the job was stopped. Unfinished work is then dropped, not saved in part."""
        return self._stopped.is_set()

    def check(self) -> None:
        """Raise if the job must end.

        Raises:
            WorkerStopped: the job was stopped.
            OutOfTime: the deadline has passed.
        """
        if self.is_stopped:
            raise WorkerStopped
        if self.is_over:
            raise OutOfTime

    def wait(self, seconds: float) -> bool:
        """Sleep for this time, at most until the deadline, and return whether time is left.

        Raises:
            WorkerStopped: the job was stopped during the wait.
        """
        if self._stopped.wait(min(seconds, self.left_s)) or self.is_stopped:
            raise WorkerStopped
        return not self.is_over

    def stop(self) -> None:
        """Stop the job."""
        self._stopped.set()
