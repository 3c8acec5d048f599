"""EventBridge Scheduler on one machine: calls functions at the interval of `rate(…)` in the template.

Jobs with a time of day do not run here: a machine that is switched off at night would never run them. `make retention`
runs the retention job on demand.
"""

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from local.aws.interpreter import Invoke
from local.aws.sandbox_pool import LambdaServiceClosed
from local.aws.template import FunctionSpec, Schedule

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


@contextmanager
def scheduled(functions: Iterable[FunctionSpec], invoke: Invoke, *, every_s: float | None = None) -> Iterator[None]:
    """Call functions at their rates while the block runs; does not wait for a call in progress when the block ends.

    Args:
        functions: the functions; those without a rate are ignored.
        invoke: invokes a function.
        every_s: replaces every rate, for tests.
    """
    stopped = threading.Event()
    with ExitStack() as stack:
        for function in functions:
            for schedule in function.schedules:
                interval_s = _interval_s(schedule)
                if interval_s is None:
                    continue
                arguments = (function.name, schedule, every_s or interval_s, invoke, stopped)
                threading.Thread(target=_repeat, args=arguments, name=f"schedule-{function.name}", daemon=True).start()
        stack.callback(stopped.set)
        yield


def _interval_s(schedule: Schedule) -> float | None:
    match = _RATE.fullmatch(schedule.expression)
    return int(match[1]) * _SECONDS[match[2]] if match else None


def _repeat(name: str, schedule: Schedule, interval_s: float, invoke: Invoke, stopped: threading.Event) -> None:
    while not stopped.wait(interval_s):
        scheduled_time = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            # The result is in the function's log and in `job_runs`. A failed job runs again at its next time.
            invoke(name, schedule.input.replace(_SCHEDULED_TIME, scheduled_time).encode())
        except LambdaServiceClosed:
            return
