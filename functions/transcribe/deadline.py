"""How long a job may go on: until its time is over, or until somebody says stop."""

import threading
import time


class WorkerStopped(Exception):
    """The job was stopped before its end; what it had saved stays."""


class OutOfTime(Exception):
    """The job's time ended while it was busy with something, which says nothing about that something."""


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
        """Whether the job was stopped: what it was doing is forgotten rather than cut short."""
        return self._stopped.is_set()

    def check(self) -> None:
        """Raise what ends the work, where something does.

        Raises:
            WorkerStopped: the job was stopped.
            OutOfTime: its time is over.
        """
        if self.is_stopped:
            raise WorkerStopped
        if self.is_over:
            raise OutOfTime

    def wait(self, seconds: float) -> bool:
        """Let some time pass, or what is left, and return whether any is left then.

        Raises:
            WorkerStopped: the job was stopped meanwhile.
        """
        if self._stopped.wait(min(seconds, self.left_s)) or self.is_stopped:
            raise WorkerStopped
        return not self.is_over

    def stop(self) -> None:
        """Stop the job."""
        self._stopped.set()
