"""Context managers that announce and record one call to a vendor, whether it succeeds or fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal

from whyviral.core import endpoints
from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallIntent, CallRecorder, ExternalCall


@dataclass(slots=True)
class CallOutcome:
    """The result of a call, which the client fills in while it makes the call."""

    status: int | None = None
    error_category: ErrorCategory | None = None
    cost_usd: Decimal | None = Decimal(0)
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    job_id: str | None = None


@contextmanager
def recorded_call(
    calls: CallRecorder,
    *,
    provider: str,
    operation: str,
    clock: Clock,
    key_hash: str | None = None,
    requests_per_second: float | None = None,
    most_usd: Decimal | None = Decimal(0),
    model: str | None = None,
) -> Iterator[CallOutcome]:
    """Announce one call, and record it when the block ends.

    The category of a `ProviderError` raised in the block is recorded; any other exception is recorded as internal.

    Args:
        calls: the recorder, which may refuse the call before the block begins.
        provider: the vendor.
        operation: method and path template.
        clock: the source of the start time.
        key_hash: a hash of the API key, for vendors with limits per key.
        requests_per_second: the rate limit of this key; None: the vendor's default.
        most_usd: the upper bound of the cost; None: unknown.
        model: the model that is called, for vendors that have several.

    Raises:
        ProviderError: the call is not allowed, now or at all. It is not made and not recorded.
    """
    intent = CallIntent(
        provider=provider,
        operation=operation,
        started_at=clock(),
        key_hash=key_hash,
        requests_per_second=requests_per_second,
        most_usd=most_usd,
        model=model,
        is_stand_in=endpoints.current().is_stand_in(provider),
    )
    calls.begin(intent)
    call = _RunningCall(intent)
    try:
        yield call.outcome
    except BaseException as exc:
        call.record_failure(exc)
        raise
    finally:
        calls.record(call.ended(), retry_after_s=call.retry_after_s)


@asynccontextmanager
async def recorded_stream(
    calls: CallRecorder,
    *,
    provider: str,
    operation: str,
    clock: Clock,
    key_hash: str,
    most_usd: Decimal | None,
    model: str,
) -> AsyncIterator[CallOutcome]:
    """Announce one call of an asynchronous client, and record it when the block ends; as `recorded_call`.

    The recorder runs in a thread, because a ledger waits for the database. A cancelled task waits for it too, so that
    no call is announced, or ended, without its record.

    Raises:
        ProviderError: the call is not allowed, now or at all. It is not made and not recorded.
    """
    intent = CallIntent(
        provider=provider,
        operation=operation,
        started_at=clock(),
        key_hash=key_hash,
        most_usd=most_usd,
        model=model,
        is_stand_in=endpoints.current().is_stand_in(provider),
    )
    was_cancelled = await _finish_in_thread(lambda: calls.begin(intent))
    call = _RunningCall(intent)
    try:
        _raise_if(was_cancelled)
        yield call.outcome
    except BaseException as exc:
        call.record_failure(exc)
        raise
    finally:
        record = call.ended()
        _raise_if(await _finish_in_thread(lambda: calls.record(record, retry_after_s=call.retry_after_s)))


class _RunningCall:
    """A call between its announcement and its record."""

    def __init__(self, intent: CallIntent) -> None:
        self.outcome = CallOutcome(model=intent.model)
        self.retry_after_s: float | None = None
        self._intent = intent
        self._started_mono_s = time.perf_counter()

    def record_failure(self, exc: BaseException) -> None:
        """Set the category of the exception that ended the call."""
        if isinstance(exc, ProviderError):
            self.outcome.error_category = exc.category
            self.retry_after_s = exc.retry_after_s
        elif not isinstance(exc, GeneratorExit):  # the consumer of a stream has read enough: no failure
            self.outcome.error_category = ErrorCategory.INTERNAL

    def ended(self) -> ExternalCall:
        """Return the record of the call, which ends now."""
        outcome = self.outcome
        return ExternalCall(
            id=self._intent.id,
            provider=self._intent.provider,
            operation=self._intent.operation,
            started_at=self._intent.started_at,
            duration_ms=round((time.perf_counter() - self._started_mono_s) * 1000),
            status=outcome.status,
            error_category=outcome.error_category,
            cost_usd=outcome.cost_usd,
            model=outcome.model,
            input_tokens=outcome.input_tokens,
            output_tokens=outcome.output_tokens,
            is_stand_in=self._intent.is_stand_in,
            job_id=outcome.job_id,
        )


async def _finish_in_thread(function: Callable[[], None]) -> bool:
    """Run a function in a thread to its end, and return whether the task was cancelled meanwhile."""
    work = asyncio.ensure_future(asyncio.to_thread(function))
    was_cancelled = False
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            was_cancelled = True
    _raise_if(was_cancelled and work.exception() is not None)
    work.result()
    return was_cancelled


def _raise_if(was_cancelled: bool) -> None:
    if was_cancelled:
        raise asyncio.CancelledError
