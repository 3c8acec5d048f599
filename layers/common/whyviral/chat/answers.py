"""The answers that a process writes, and reading any answer, whichever process writes it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from whyviral.core.clock import Clock
from whyviral.vendor_calls.calls import CallCollector

from .admission import AdmittedQuestion
from .generation import BuildModel, Generation, StopReason
from .models import ChatMessage, MessageStatus
from .orphaned import end_expired
from .repository import answer_queries
from .repository.answer_queries import Progress
from .timings import Timings
from .transactions import Transactions

type OpenLedger = Callable[[AdmittedQuestion], CallCollector]
"""Opens the ledger of one answer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of an answer."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an answer; None: the answer was deleted while it was read."""

    message: ChatMessage | None


class Answers:
    """Starts answers in this process, and follows answers of all processes."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        build_model: BuildModel,
        open_ledger: OpenLedger,
        clock: Clock,
        timings: Timings | None = None,
    ) -> None:
        self.timings = timings or Timings()
        self._transactions = transactions
        self._build_model = build_model
        self._open_ledger = open_ledger
        self._clock = clock
        self._running: dict[uuid.UUID, Generation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, question: AdmittedQuestion, *, max_s: float) -> None:
        """Start to write the answer to a question, beside the request that asked it.

        Args:
            question: the question, whose transaction is committed.
            max_s: when the answer is cut, from now.
        """
        calls = self._open_ledger(question)
        generation = Generation(
            question,
            build_model=self._build_model,
            calls=calls,
            transactions=self._transactions,
            timings=self.timings,
            clock=self._clock,
            max_s=max_s,
            save_interval_s=self._save_interval_s,
        )
        self._running[question.answer_id] = generation
        task = asyncio.create_task(self._run(question.answer_id, generation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def follow(self, message_id: uuid.UUID, *, after: int = 0) -> AsyncIterator[Piece | Ended]:
        """Yield the pieces of an answer after a number, as they are written, and then its end.

        Args:
            message_id: the answer.
            after: the `seq` of the last piece that the reader has; 0: none.
        """
        sent = after
        generation = self._running.get(message_id)
        if generation is not None:
            async for seq, text in generation.follow(after):
                sent = seq
                yield Piece(seq, text)
            if generation.message is not None:
                yield Ended(generation.message)
                return
        async for event in self._follow_elsewhere(message_id, sent):
            yield event

    async def wait(self, message_id: uuid.UUID, *, timeout_s: float) -> ChatMessage | None:
        """Return an answer once it has ended, or as it is after a time; None if it was deleted."""
        try:
            async with asyncio.timeout(timeout_s):
                async for event in self.follow(message_id):
                    if isinstance(event, Ended):
                        return event.message
        except TimeoutError:
            pass
        progress = await self._transactions.run(
            lambda session: answer_queries.find_progress(session, message_id, after=0)
        )
        return None if progress is None else progress.message

    async def close(self) -> None:
        """Stop all answers of this process and save them as they are."""
        for generation in self._running.values():
            generation.stop(StopReason.SHUTDOWN)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _save_interval_s(self) -> float:
        """Return how long pieces wait to be saved: longer the more answers this process writes."""
        shared_s = len(self._running) / self.timings.max_writes_per_second
        return max(self.timings.save_interval_s, min(shared_s, self.timings.renew_s))

    async def _run(self, message_id: uuid.UUID, generation: Generation) -> None:
        try:
            await generation.run()
        finally:
            del self._running[message_id]

    async def _follow_elsewhere(self, message_id: uuid.UUID, sent: int) -> AsyncIterator[Piece | Ended]:
        """Poll the pieces that another process saves."""
        is_first = sent == 0
        polls_per_report = max(1, round(self.timings.report_watching_s / self.timings.poll_s))
        polls = 0
        while True:
            is_reported = polls % polls_per_report == 0
            progress = await self._transactions.run(
                partial(self._poll, message_id=message_id, after=sent, is_reported=is_reported)
            )
            polls += 1
            if progress is None:
                yield Ended(None)
                return
            for seq, text in progress.pieces:
                sent = seq
                yield Piece(seq, text)
            message = progress.message
            if message.status != MessageStatus.GENERATING:
                if is_first and not progress.has_chunks and message.content:
                    yield Piece(1, message.content)
                yield Ended(message)
                return
            await asyncio.sleep(self.timings.poll_s)

    def _poll(self, session: Session, *, message_id: uuid.UUID, after: int, is_reported: bool) -> Progress | None:
        progress = answer_queries.find_progress(session, message_id, after=after)
        if progress is None or progress.message.status != MessageStatus.GENERATING:
            return progress
        now = self._clock()
        lease_until = progress.message.lease_until
        if lease_until is not None and lease_until <= now and end_expired(session, now=now, message_id=message_id):
            return answer_queries.find_progress(session, message_id, after=after)
        if is_reported:
            answer_queries.record_watching(session, message_id, now=now)
        return progress
