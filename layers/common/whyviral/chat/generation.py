"""Writes one answer: reads the model's stream, checks it, saves it in pieces, and ends it.

It runs beside the requests that read it, so a client that disconnects does not end it at once. No database connection
is held between two writes.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.core.logging import build_logger
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import ExternalCall
from whyviral.integrations.ports.chat_model import ChatDelta, ChatEnd, ChatModel, Finish
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.settlement import record_calls

from .admission import AdmittedQuestion
from .checks.answer_filter import AnswerFilter
from .context.conversation import rules
from .message_budget import STEP
from .models import ChatMessage, MessageStatus
from .orphaned import return_question
from .repository import answer_queries
from .repository.answer_queries import Watched
from .timings import Timings
from .transactions import Transactions

_logger = build_logger("chat")
_FINISH_TRIES = 4
_DATABASE_ERRORS = (SQLAlchemyError, OSError)
"""What a transaction can raise: the driver does not wrap some errors of its socket."""

type BuildModel = Callable[[CallCollector], ChatModel]
"""Opens a chat model that reports its calls to a collector."""


class StopReason(Enum):
    """Why an answer is stopped before the model has ended it."""

    TOO_LONG = auto()
    UNWATCHED = auto()
    SHUTDOWN = auto()
    LEASE_LOST = auto()


_STOPPED = {
    StopReason.TOO_LONG: "The answer took too long and was cut here. Ask for the rest.",
    StopReason.UNWATCHED: "The answer was stopped here, because no client was reading it. Ask for the rest.",
    StopReason.SHUTDOWN: "The answer was interrupted. Ask again to get a whole one.",
}
_CUT_BY_MODEL = "The answer reached its maximum length and was cut here. Ask for the rest."
_WITHDRAWN = "The model refused to answer. Ask in another way."
_EMPTY = "The model gave no answer, so the question is not counted. Ask again."


@dataclass(frozen=True, slots=True)
class _Ending:
    """How an answer ended, before it is saved."""

    status: MessageStatus
    error: str | None = None
    category: ErrorCategory | None = None


class Generation:
    """One answer that this process writes."""

    def __init__(
        self,
        question: AdmittedQuestion,
        *,
        build_model: BuildModel,
        calls: CallCollector,
        transactions: Transactions,
        timings: Timings,
        clock: Clock,
        max_s: float,
        save_interval_s: Callable[[], float],
    ) -> None:
        self.pieces: list[str] = []
        """What readers may see, in order; the first has the `seq` 1."""
        self.message: ChatMessage | None = None
        """The saved answer, once it has ended; None also if this process could not save its end."""
        self._question = question
        self._build_model = build_model
        self._calls = calls
        self._transactions = transactions
        self._timings = timings
        self._clock = clock
        self._save_interval_s = save_interval_s
        self._filter = AnswerFilter(question.data, post_url=question.post_url, instructions=rules())
        self._changed = asyncio.Condition()
        self._has_ended = False
        self._readers = 0
        now_mono_s = time.monotonic()
        self._ends_mono_s = now_mono_s + max_s
        self._watched_mono_s = now_mono_s
        self._renewed_mono_s = now_mono_s
        self._saved = 0
        self._stop: StopReason | None = None
        self._end: ChatEnd | None = None
        self._failure: ProviderError | None = None

    async def run(self) -> None:
        """Write the answer to its end; expected failures end it, and any other is logged and ends it as well."""
        reading = asyncio.create_task(self._read_model())
        try:
            while not reading.done():
                await asyncio.wait({reading}, timeout=self._save_interval_s())
                if not reading.done() and (reason := await self._find_stop_reason()):
                    self._stop = reason
                    reading.cancel()
                    await asyncio.wait({reading})
            if self._stop is not StopReason.LEASE_LOST and not reading.cancelled():
                reading.result()
        except Exception as exc:  # noqa: BLE001 - the outermost edge of a background task
            details = {"answer_id": str(self._question.answer_id), "error": type(exc).__name__}
            _logger.error("answer failed", extra=details)  # noqa: TRY400 - messages may quote the answer
            self._failure = _internal_error()
        finally:
            reading.cancel()
            await self._finish()

    def stop(self, reason: StopReason) -> None:
        """Stop the answer at the next moment; what was written is kept."""
        if self._stop is None:
            self._ends_mono_s = 0.0 if reason is StopReason.TOO_LONG else self._ends_mono_s
            self._stop = reason

    async def follow(self, after: int) -> AsyncIterator[tuple[int, str]]:
        """Yield the pieces after a number, each with its `seq`, as they are written; end when the answer has ended."""
        self._readers += 1
        try:
            sent = after
            while await self._has_more(sent):
                sent += 1
                yield sent, self.pieces[sent - 1]
        finally:
            self._readers -= 1
            self._watched_mono_s = time.monotonic()

    async def _has_more(self, sent: int) -> bool:
        """Wait for the next piece, and return False if the answer has ended without one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_ended or len(self.pieces) > sent)
        return len(self.pieces) > sent

    async def _read_model(self) -> None:
        left_s = self._ends_mono_s - time.monotonic()
        stream = self._build_model(self._calls).stream(self._question.context.prompt, timeout_s=left_s)
        try:
            async for event in stream:
                if isinstance(event, ChatDelta):
                    await self._add(self._filter.feed(event.text))
                else:
                    self._end = event
        except ProviderError as exc:
            self._failure = exc
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
        if self._end is None or self._end.finish is not Finish.REFUSED:
            await self._add(self._filter.close())  # after a failure as well: what was written stays

    async def _add(self, piece: str) -> None:
        if not piece:
            return
        async with self._changed:
            self.pieces.append(piece)
            self._changed.notify_all()

    async def _find_stop_reason(self) -> StopReason | None:
        """Save what is new, and return why the answer must stop now, if it must."""
        if self._stop is not None:
            return self._stop
        now_mono_s = time.monotonic()
        if now_mono_s >= self._ends_mono_s:
            return StopReason.TOO_LONG
        reason = await self._save()
        if reason is None and self._readers == 0 and now_mono_s - self._watched_mono_s >= self._timings.unwatched_s:
            return StopReason.UNWATCHED
        return reason

    async def _save(self) -> StopReason | None:
        now_mono_s = time.monotonic()
        end = len(self.pieces)
        if end == self._saved and now_mono_s - self._renewed_mono_s < self._timings.renew_s:
            return None
        new = self.pieces[self._saved : end]
        try:
            watched = await self._transactions.run_statement(partial(self._save_pieces, new=new))
        except _DATABASE_ERRORS as exc:
            # The pieces stay in memory and are saved with the next ones, as long as the lease holds.
            _logger.warning("pieces were not saved", extra={"error": type(exc).__name__})
            is_lost = now_mono_s - self._renewed_mono_s >= self._timings.lease.total_seconds()
            return StopReason.LEASE_LOST if is_lost else None
        if watched is None:
            return StopReason.LEASE_LOST
        self._saved, self._renewed_mono_s = end, now_mono_s
        if watched.at is not None:
            seconds_ago = max(0.0, (self._clock() - watched.at).total_seconds())
            self._watched_mono_s = max(self._watched_mono_s, now_mono_s - seconds_ago)
        return None

    def _save_pieces(self, connection: Connection, new: Sequence[str]) -> Watched | None:
        budget = self._question.budget
        return answer_queries.save_pieces(
            connection,
            budget.message_id,
            budget.lease_owner,
            first_seq=self._saved + 1,
            pieces=new,
            until=self._clock() + self._timings.lease,
        )

    async def _finish(self) -> None:
        try:
            await self._try_to_save(self._ending(), self._calls.drain())
        finally:  # readers go on with what the database holds
            async with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    async def _try_to_save(self, ending: _Ending, calls: list[ExternalCall]) -> None:
        for number in range(_FINISH_TRIES):
            try:
                self.message = await self._transactions.run(lambda session: self._save_ending(session, ending, calls))
            except _DATABASE_ERRORS as exc:
                # If no try succeeds, the lease runs out and a reader or the sweeper ends the answer.
                _logger.warning("answer was not ended", extra={"error": type(exc).__name__, "try": number + 1})
                await asyncio.sleep(2.0**number / 4)
            else:
                return

    def _ending(self) -> _Ending:
        has_text = any(self.pieces)
        if self._end is not None and self._end.finish is Finish.REFUSED:
            return _Ending(MessageStatus.FAILED, _WITHDRAWN, ErrorCategory.AI_ERROR)
        if self._end is not None and has_text:
            is_whole = self._end.finish is Finish.STOP
            return _Ending(MessageStatus.COMPLETE) if is_whole else _Ending(MessageStatus.PARTIAL, _CUT_BY_MODEL)
        if self._failure is not None:
            status = MessageStatus.PARTIAL if has_text else MessageStatus.FAILED
            return _Ending(status, self._failure.message, self._failure.category)
        if self._stop is not None:
            status = MessageStatus.PARTIAL if has_text else MessageStatus.FAILED
            return _Ending(status, _STOPPED.get(self._stop), ErrorCategory.TIMEOUT if not has_text else None)
        return _Ending(MessageStatus.FAILED, _EMPTY, ErrorCategory.AI_ERROR)

    def _save_ending(self, session: Session, ending: _Ending, calls: list[ExternalCall]) -> ChatMessage | None:
        budget = self._question.budget
        # First, because it locks the answer and then the day, also if the lease is lost: the money is spent.
        record_calls(session, budget, calls, step=STEP, post_id=self._question.post_id)
        is_failed = ending.status is MessageStatus.FAILED
        message = answer_queries.finish_message(
            session,
            budget.message_id,
            budget.lease_owner,
            self._columns(ending, "" if is_failed else "".join(self.pieces)),
        )
        if message is None:
            return None
        if is_failed:
            answer_queries.delete_chunks(session, message.id)
            return_question(session, message, budget.user_id)
        elif self._saved < len(self.pieces):
            answer_queries.insert_chunk(session, message.id, self._saved + 1, self.pieces[self._saved :])
        return message

    def _columns(self, ending: _Ending, content: str) -> dict[str, Any]:
        end, context = self._end, self._question.context
        used = {
            "estimated_prompt_tokens": context.estimated_tokens,
            "turns_left_out": context.turns_left_out,
            **self._filter.counts(),
        }
        columns: dict[str, Any] = {
            "status": ending.status,
            "content": content,
            "error": ending.error,
            "error_category": ending.category,
            "finished_at": self._clock(),
            "metadata_used": used,
        }
        if end is not None:
            columns |= {
                "provider": end.provider,
                "model": end.model,
                "input_tokens": end.input_tokens,
                "output_tokens": end.output_tokens,
                "is_stand_in": end.is_stand_in,
            }
        return columns


def _internal_error() -> ProviderError:
    return ProviderError(
        "Something went wrong on our side. Ask again.", provider="chat", category=ErrorCategory.INTERNAL
    )
