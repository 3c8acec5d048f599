"""Deadline of a job: when its time is over, or when it is stopped."""

import threading
import time


class WorkerStopped(Exception):
    """The job was stopped before its end; what it had saved stays."""


class OutOfTime(Exception):
    """The job's time ended in the middle of its work, which says nothing about the medium it was reading."""


class Deadline:
    """The end of one job's time; another thread or a signal may stop it earlier."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._stopped = threading.Event()

    @property
    def left_s(self) -> float:
        """Return the seconds that are left, none when it is over."""
        return 0.0 if self.is_stopped else max(self._ends_at - time.monotonic(), 0.0)

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be begun."""
        return self.left_s <= 0.0

    @property
    def is_stopped(self) -> bool:
        """Whether the job was stopped: unfinished work is dropped, not saved in part."""
        return self._stopped.is_set()

    def check(self) -> None:
        """Raise if the work must end.

        Raises:
            WorkerStopped: the job was stopped.
            OutOfTime: its time is over.
        """
        if self.is_stopped:
            raise WorkerStopped
        if self.is_over:
            raise OutOfTime

    def wait(self, seconds: float) -> bool:
        """Sleep for some time, at most until the deadline, and return whether time is left.

        Raises:
            WorkerStopped: the job was stopped meanwhile.
        """
        if self._stopped.wait(min(seconds, self.left_s)) or self.is_stopped:
            raise WorkerStopped
        return not self.is_over

    def stop(self) -> None:
        """Stop the job."""
        self._stopped.set()
