"""The trace id: names one call from outside in every log line and vendor call that it causes, in any process.

It is the `request_id` that the API answered: API Gateway's id of the request, which no client can choose. The execution
of the state machine passes it to each stage and to the worker. Work that no call caused has an id of its own.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

_current: ContextVar[str | None] = ContextVar("trace_id", default=None)


def current() -> str | None:
    """Return the trace id of the running work; None outside of any."""
    return _current.get()


def new_trace_id() -> str:
    """Return an id for work that no traced call caused."""
    return str(uuid.uuid4())


@contextmanager
def bound(trace_id: str | None) -> Iterator[str]:
    """Run the block under a trace id, and yield it; None: a new one.

    Threads of an executor and tasks that the block starts have it too. A plain `threading.Thread` has not.
    """
    trace_id = trace_id or new_trace_id()
    before = _current.set(trace_id)
    try:
        yield trace_id
    finally:
        _current.reset(before)


def traced[Answer](handler: Callable[[dict[str, Any], Any], Answer]) -> Callable[[dict[str, Any], Any], Answer]:
    """Return a Lambda handler that runs under the trace id of its event.

    That is the `trace_id` of a stage's event, also in Lambda's record of its failure, the id of a request of API
    Gateway, or else the id of the invocation.
    """

    @wraps(handler)
    def run(event: dict[str, Any], context: Any) -> Answer:
        with bound(_trace_id_of(event) or getattr(context, "aws_request_id", None)):
            return handler(event, context)

    return run


def _trace_id_of(event: object) -> str | None:
    match event:
        case {"trace_id": str(trace_id)} | {"requestPayload": {"trace_id": str(trace_id)}}:
            return trace_id
        case {"requestContext": {"requestId": str(trace_id)}}:
            return trace_id
    return None
