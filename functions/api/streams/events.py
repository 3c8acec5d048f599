"""Streams of server-sent events: where a client resumes, and how a failure during a stream is reported.

A stream has sent its status before its first event. Every refusal is therefore raised by a dependency, and a failure
after that becomes an event. FastAPI adds a comment as a heartbeat when a stream has been silent for 15 seconds.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from aws_lambda_powertools import Logger
from fastapi import Header, Request
from fastapi.sse import ServerSentEvent
from pydantic import BaseModel, Field

from functions.api.authentication import SIGNED_IN
from functions.api.error_responses import Responses, error_responses
from whyviral.core.errors import AppError
from whyviral.core.exception_trace import trace_of
from whyviral.core.logging import build_logger
from whyviral.core.postgres.statement_failures import DATABASE_ERRORS, is_unavailable
from whyviral.core.request_errors import DatabaseUnavailable, InternalError

logger: Logger = build_logger("api")
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=r"^[0-9]{1,9}$",
        description="The `id` of the last event that the client received. The stream continues after it.",
    ),
]


class UnknownEventId(AppError):
    """The header Last-Event-ID is beyond the last event of this stream, so it belongs to another stream."""

    status_code = 422
    code = "unknown_event_id"

    def __init__(self, given: int, last: int) -> None:
        super().__init__(
            f"There is no event {given} in this stream, whose last one is {last}. Leave Last-Event-ID out to read the "
            "stream from its start.",
            details={"last_event_id": given, "last": last},
        )


class FailureEvent(BaseModel):
    """The data of an event `error`."""

    error: Annotated[str, Field(description="A sentence for people.")]
    code: str
    request_id: str


def stream_responses(event: type[BaseModel], *errors: type[AppError]) -> Responses:
    """Return the `responses` of a route that streams events to signed-in users.

    Args:
        event: the model of one event; the field with the name of the event holds its data.
        errors: the errors that the route can answer before the stream starts, beside the common ones.
    """
    streamed: Responses = {200: {"model": event, "description": f"Server-sent events, each a `{event.__name__}`."}}
    return error_responses(*SIGNED_IN, *errors) | streamed


def failure_event(request: Request, error: AppError) -> ServerSentEvent:
    """Return the event that reports a failure of the stream, and set `error_code` for the access log."""
    request.state.error_code = error.code
    data = FailureEvent(error=error.message, code=error.code, request_id=str(request.state.request_id))
    return ServerSentEvent(event="error", data=data)


async def with_failures(request: Request, events: AsyncIterator[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    """Yield the events of a stream. If it raises, yield the failure as the last event."""
    try:
        async for event in events:
            yield event
    except AppError as exc:
        yield failure_event(request, exc)
    except DATABASE_ERRORS as exc:
        if not is_unavailable(exc):
            yield _unhandled(request, exc)
            return
        yield failure_event(request, DatabaseUnavailable())
    except Exception as exc:  # noqa: BLE001 - the outermost edge of a stream, whose status has been sent
        yield _unhandled(request, exc)


def _unhandled(request: Request, exc: Exception) -> ServerSentEvent:
    details = {"request_id": str(request.state.request_id), "trace": trace_of(exc)}
    logger.error("unhandled error", extra=details)
    return failure_event(request, InternalError())
