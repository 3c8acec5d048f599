"""A fake workflow that records the executions that are started."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.aws.step_functions import ExecutionStatus
from whyviral.integrations.errors import ProviderError


@dataclass(slots=True)
class FakeWorkflow:
    """A `Workflow` without a state machine."""

    started: list[tuple[uuid.UUID, int]] = field(default_factory=list)
    trace_ids: list[str] = field(default_factory=list)
    """The trace ids under which they were started."""
    statuses: dict[tuple[uuid.UUID, int], ExecutionStatus] = field(default_factory=dict)
    """The statuses of the existing executions; a started execution is running."""
    stopped: list[tuple[uuid.UUID, int]] = field(default_factory=list)
    is_down: bool = False
    on_start: Callable[[uuid.UUID], None] | None = None
    """Called with the id of each request that is started."""
    on_find: Callable[[], object] | None = None
    """Called at each query for an execution."""
    during_admission: Callable[[], None] | None = None
    """Called before a request is admitted, inside its transaction."""

    @property
    def execution_prefix(self) -> str:
        return "arn:aws:states:eu-central-1:000000000000:execution:fake:"

    def execution_arn(self, request_id: uuid.UUID, attempt: int) -> str:
        if self.during_admission is not None:
            self.during_admission()
        return f"{self.execution_prefix}{request_id}-{attempt}"

    def start(self, request_id: uuid.UUID, attempt: int, *, trace_id: str) -> None:
        self.check()
        self.trace_ids.append(trace_id)
        self.started.append((request_id, attempt))
        self.statuses.setdefault((request_id, attempt), ExecutionStatus.RUNNING)
        if self.on_start is not None:
            self.on_start(request_id)

    def find_status(self, request_id: uuid.UUID, attempt: int) -> ExecutionStatus | None:
        self.check()
        if self.on_find is not None:
            self.on_find()
        return self.statuses.get((request_id, attempt))

    def stop(self, request_id: uuid.UUID, attempt: int) -> None:
        self.check()
        self.stopped.append((request_id, attempt))

    def check(self) -> None:
        if self.is_down:
            raise ProviderError("down", provider="step_functions", category=ErrorCategory.PROVIDER_ERROR)
