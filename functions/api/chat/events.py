"""Answers as server-sent events: `token`, then `done` or `error`."""

import uuid
from collections.abc import AsyncIterator

from fastapi.sse import ServerSentEvent
from pydantic import BaseModel

from functions.api.streams.events import FailureEvent
from whyviral.chat.answers import Answers, Piece
from whyviral.chat.models import ChatMessage
from whyviral.chat.schemas import MessageOut
from whyviral.chat.service import MessageNotFound, failure_of, message_out


class TokenEvent(BaseModel):
    """The data of an event `token`: the next piece of an answer."""

    text: str
    seq: int
    """Numbers the pieces of an answer from 1; also the id of the event."""


class DoneEvent(BaseModel):
    """The data of an event `done`: the answer as it is saved."""

    message: MessageOut


class AnswerEvent(BaseModel):
    """One event of the stream: the field with the name of the event holds its data."""

    token: TokenEvent | None = None
    done: DoneEvent | None = None
    error: FailureEvent | None = None


async def answer_events(answers: Answers, answer_id: uuid.UUID, *, after: int = 0) -> AsyncIterator[ServerSentEvent]:
    """Yield the events of an answer after a number, up to its end.

    Raises:
        AnswerFailed: the answer failed, or broke off after the events before.
        MessageNotFound: the answer was deleted while it was read.
    """
    async for event in answers.follow(answer_id, after=after):
        if isinstance(event, Piece):
            data = TokenEvent(text=event.text, seq=event.seq)
            yield ServerSentEvent(event="token", id=str(event.seq), data=data)
        else:
            yield ServerSentEvent(event="done", data=DoneEvent(message=_whole(event.message, answer_id)))


def _whole(message: ChatMessage | None, answer_id: uuid.UUID) -> MessageOut:
    if message is None:
        raise MessageNotFound(answer_id)
    if message.error_category is not None:
        raise failure_of(message)
    return message_out(message)
