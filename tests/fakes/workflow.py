"""A workflow that remembers what it was asked to start."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError


@dataclass(slots=True)
class FakeWorkflow:
    """`Workflow` without a state machine."""

    started: list[tuple[uuid.UUID, int]] = field(default_factory=list)
    is_down: bool = False
    on_start: Callable[[uuid.UUID], None] | None = None
    """Called with the id of each request that is started."""
    during_admission: Callable[[], None] | None = None
    """Called whenever a request is about to be admitted, in the middle of its transaction."""

    def execution_arn(self, request_id: uuid.UUID, attempt: int) -> str:
        if self.during_admission is not None:
            self.during_admission()
        return f"arn:aws:states:eu-central-1:000000000000:execution:fake:{request_id}-{attempt}"

    def start(self, request_id: uuid.UUID, attempt: int) -> None:
        self.check()
        self.started.append((request_id, attempt))
        if self.on_start is not None:
            self.on_start(request_id)

    def check(self) -> None:
        if self.is_down:
            raise ProviderError("down", provider="step_functions", category=ErrorCategory.PROVIDER_ERROR)
