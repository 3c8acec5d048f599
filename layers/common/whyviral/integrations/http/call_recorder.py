"""A context manager that announces and records one call to a vendor, whether it succeeds or fails."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    outcome = CallOutcome(model=model)
    retry_after_s: float | None = None
    started = time.perf_counter()
    try:
        yield outcome
    except ProviderError as exc:
        outcome.error_category = exc.category
        retry_after_s = exc.retry_after_s
        raise
    except BaseException:
        outcome.error_category = ErrorCategory.INTERNAL
        raise
    finally:
        calls.record(
            ExternalCall(
                id=intent.id,
                provider=provider,
                operation=operation,
                started_at=intent.started_at,
                duration_ms=round((time.perf_counter() - started) * 1000),
                status=outcome.status,
                error_category=outcome.error_category,
                cost_usd=outcome.cost_usd,
                model=outcome.model,
                input_tokens=outcome.input_tokens,
                output_tokens=outcome.output_tokens,
                is_stand_in=intent.is_stand_in,
                job_id=outcome.job_id,
            ),
            retry_after_s=retry_after_s,
        )
