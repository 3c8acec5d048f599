"""EventBridge Scheduler on one machine: calls functions as often as `rate(…)` in the template says.

Jobs at a time of day do not run by themselves: a machine that is switched off at night would never run them, and
`make retention` does.
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
_MOMENT = "<aws.scheduler.scheduled-time>"


@contextmanager
def scheduled(functions: Iterable[FunctionSpec], invoke: Invoke, *, every_s: float | None = None) -> Iterator[None]:
    """Call functions by their rates while the block runs; a call that is under way when it ends is not waited for.

    Args:
        functions: those without a rate are left alone.
        invoke: runs them.
        every_s: for tests: the seconds between two calls, whatever the rate.
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
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            # What comes of it stands in its log and in `job_runs`; one that failed is tried again when it is due again.
            invoke(name, schedule.input.replace(_MOMENT, moment).encode())
        except LambdaServiceClosed:
            return
