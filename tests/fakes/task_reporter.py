"""A fake of the part of Step Functions to which a worker reports."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.aws.task_tokens import TaskGone
from whyviral.integrations.errors import ProviderError


@dataclass(slots=True)
class FakeTaskReporter:
    """A `TaskReporter` that records the reports."""

    beats: int = 0
    ends: list[Mapping[str, str | int] | str] = field(default_factory=list)
    """The output of a success or the error of a failure."""
    is_gone: bool = False
    is_down: bool = False
    has_beaten: threading.Event = field(default_factory=threading.Event)

    def beat(self) -> None:
        self.beats += 1
        self.has_beaten.set()
        self._check()

    def succeed(self, output: Mapping[str, str | int]) -> None:
        self._check()
        self.ends.append(output)

    def fail(self, error: str) -> None:
        self._check()
        self.ends.append(error)

    def _check(self) -> None:
        if self.is_gone:
            raise TaskGone("TaskTimedOut")
        if self.is_down:
            raise ProviderError("down", provider="step_functions", category=ErrorCategory.PROVIDER_ERROR)
