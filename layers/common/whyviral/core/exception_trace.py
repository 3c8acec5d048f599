"""The trace of an exception for the log: classes and lines of code, never the content of messages."""

import traceback

from .postgres.statement_failures import sqlstate


def trace_of(exc: BaseException) -> list[str]:
    """Return the exceptions and their frames without messages: database messages quote rows, including addresses."""
    lines: list[str] = []
    current: BaseException | None = exc
    while current is not None:
        lines.append(" ".join(filter(None, (type(current).__qualname__, sqlstate(current)))))
        frames = traceback.extract_tb(current.__traceback__)
        lines += [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        current = current.__cause__ or current.__context__
    return lines
