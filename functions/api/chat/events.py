"""Answers as server-sent events: `token`, then `done` or `error`."""

import uuid
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.sse import ServerSentEvent

from functions.api.dependencies import Services
from functions.api.errors import DATABASE_ERRORS, DatabaseUnavailable, InternalError, error_document
from whyviral.chat.answers import Ended, Piece
from whyviral.chat.models import ChatMessage
from whyviral.chat.schemas import DoneEvent, TokenEvent
from whyviral.chat.service import AnswerFailed, MessageNotFound, message_out
from whyviral.core.errors import AppError
from whyviral.core.logging import build_logger

_logger = build_logger("api")


async def answer_events(
    request: Request, services: Services, answer_id: uuid.UUID, *, after: int = 0
) -> AsyncIterator[ServerSentEvent]:
    """Yield the events of an answer after a number, up to its end.

    The status is sent before the first event, so a failure is an event as well; its data has the form of any error.
    """
    try:
        async for event in services.answers.follow(answer_id, after=after):
            if isinstance(event, Piece):
                yield ServerSentEvent(data=TokenEvent(text=event.text, seq=event.seq), event="token", id=str(event.seq))
            else:
                yield _last_event(request, event, answer_id)
    except DATABASE_ERRORS:
        yield _error_event(request, DatabaseUnavailable())
    except Exception as exc:  # noqa: BLE001 - no handler can answer once the stream has started
        details = {"request_id": request.state.request_id, "error": type(exc).__name__}
        _logger.error("unhandled error in a stream", extra=details)  # noqa: TRY400 - messages quote rows
        yield _error_event(request, InternalError())


def _last_event(request: Request, ended: Ended, answer_id: uuid.UUID) -> ServerSentEvent:
    message = ended.message
    if message is None:
        return _error_event(request, MessageNotFound(answer_id))
    if message.error_category is not None:
        return _error_event(request, failure_of(message))
    return ServerSentEvent(data=DoneEvent(message=message_out(message)), event="done")


def failure_of(message: ChatMessage) -> AnswerFailed:
    """Return the error of an answer that failed, or that broke off."""
    return AnswerFailed(message.error or "", category=str(message.error_category), is_partial=message.is_partial)


def _error_event(request: Request, error: AppError) -> ServerSentEvent:
    return ServerSentEvent(data=error_document(request, error), event="error")
