"""Calls of asynchronous clients are announced and recorded in threads, also when their task is cancelled."""

import asyncio
import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.fixtures.waits import WAIT_S
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import CallThrottled, ProviderError
from whyviral.integrations.http.call_recorder import CallOutcome, recorded_stream
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class SlowRecorder:
    """A recorder that waits in each call until it is released, as one does that waits for the database."""

    def __init__(self) -> None:
        self.is_waiting = threading.Event()
        self.released = threading.Event()
        self.refusal: ProviderError | None = None
        self.begun: list[CallIntent] = []
        self.calls: list[ExternalCall] = []

    def begin(self, intent: CallIntent) -> None:
        self._wait()
        if self.refusal:
            raise self.refusal
        self.begun.append(intent)

    def record(self, call: ExternalCall, *, retry_after_s: float | None = None) -> None:  # noqa: ARG002 - of the protocol
        self._wait()
        self.calls.append(call)

    def _wait(self) -> None:
        self.is_waiting.set()
        assert self.released.wait(WAIT_S)


async def use(recorder: SlowRecorder, outcomes: list[CallOutcome]) -> None:
    async with recorded_stream(
        recorder,
        provider="gemini",
        operation="POST /x",
        clock=lambda: NOW,
        key_hash="k",
        most_usd=Decimal(1),
        model="m",
    ) as outcome:
        outcomes.append(outcome)


async def cancel_while_waiting(recorder: SlowRecorder, outcomes: list[CallOutcome]) -> asyncio.Task[None]:
    """Cancel a call several times while its recorder waits, then release the recorder."""
    task = asyncio.create_task(use(recorder, outcomes))
    assert await asyncio.to_thread(recorder.is_waiting.wait, WAIT_S)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    recorder.released.set()
    await asyncio.wait({task})
    return task


def test_a_call_that_is_cancelled_while_it_is_announced_is_recorded_as_not_made() -> None:
    recorder, outcomes = SlowRecorder(), list[CallOutcome]()

    task = asyncio.run(cancel_while_waiting(recorder, outcomes))

    assert task.cancelled()
    assert outcomes == []
    assert [call.id for call in recorder.calls] == [intent.id for intent in recorder.begun]
    assert [(call.error_category, call.cost_usd) for call in recorder.calls] == [(ErrorCategory.INTERNAL, Decimal(0))]


def test_a_refused_call_is_neither_made_nor_recorded() -> None:
    recorder, outcomes = SlowRecorder(), list[CallOutcome]()
    recorder.released.set()
    recorder.refusal = CallThrottled("No.", provider="gemini", category=ErrorCategory.RATE_LIMIT, retry_after_s=1)

    with pytest.raises(CallThrottled):
        asyncio.run(use(recorder, outcomes))

    assert (outcomes, recorder.calls) == ([], [])


def test_a_cancelled_task_whose_call_is_refused_ends_as_cancelled() -> None:
    recorder, outcomes = SlowRecorder(), list[CallOutcome]()
    recorder.refusal = CallThrottled("No.", provider="gemini", category=ErrorCategory.RATE_LIMIT, retry_after_s=1)

    task = asyncio.run(cancel_while_waiting(recorder, outcomes))

    assert task.cancelled()
    assert recorder.calls == []


def test_the_event_loop_runs_while_the_recorder_waits() -> None:
    recorder, outcomes = SlowRecorder(), list[CallOutcome]()

    async def release_from_the_loop() -> None:
        task = asyncio.create_task(use(recorder, outcomes))
        assert await asyncio.to_thread(recorder.is_waiting.wait, WAIT_S)
        recorder.released.set()
        await task

    asyncio.run(asyncio.wait_for(release_from_the_loop(), WAIT_S))

    assert len(recorder.calls) == len(outcomes) == 1
