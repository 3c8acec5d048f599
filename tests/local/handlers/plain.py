"""Handlers that end in every possible way."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from whyviral.core import endpoints


class PostNotFound(Exception):
    pass


def echo(event: Any, _context: Any) -> Any:
    return event


def describe(_event: Any, context: Any) -> dict[str, Any]:
    return {
        "environment": dict(os.environ),
        "pid": os.getpid(),
        "path": sys.path[0],
        "twitterapi_url": endpoints.current().twitterapi_url,
        "stand_ins": sorted(endpoints.current().stand_ins),
        "arn": context.invoked_function_arn,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }


def fail(event: str, _context: Any) -> None:
    raise PostNotFound(event)


def sleep(event: float, _context: Any) -> int:
    time.sleep(event)
    return os.getpid()


def meet(event: dict[str, Any], _context: Any) -> int:
    """Wait until a number of processes have written their files to a folder."""
    folder = Path(event["folder"])
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < event["count"]:
        time.sleep(0.02)
    return os.getpid()


def leave(event: int, _context: Any) -> None:
    sys.exit(event)


def kill(event: int, _context: Any) -> None:
    os.kill(os.getpid(), event)
    signal.pause()


def print_line(event: str, _context: Any) -> None:
    print(event)  # noqa: T201
    print(event.upper(), file=sys.stderr)  # noqa: T201
