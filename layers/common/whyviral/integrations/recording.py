"""Records every call to a vendor, whatever becomes of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from whyviral.core import endpoints
from whyviral.core.calls import CallCollector, ExternalCall
from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory

from .errors import ProviderError


@dataclass(slots=True)
class CallOutcome:
    """What the client learns about a call while making it."""

    status: int | None = None
    error_category: ErrorCategory | None = None
    cost_usd: Decimal | None = Decimal(0)
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@contextmanager
def recorded_call(calls: CallCollector, *, provider: str, operation: str, clock: Clock) -> Iterator[CallOutcome]:
    """Record one call when the block ends; a `ProviderError` that leaves the block gives its category."""
    outcome = CallOutcome()
    started_at = clock()
    started = time.perf_counter()
    try:
        yield outcome
    except ProviderError as exc:
        outcome.error_category = exc.category
        raise
    except BaseException:
        outcome.error_category = ErrorCategory.INTERNAL
        raise
    finally:
        calls.record(
            ExternalCall(
                provider=provider,
                operation=operation,
                started_at=started_at,
                duration_ms=round((time.perf_counter() - started) * 1000),
                status=outcome.status,
                error_category=outcome.error_category,
                cost_usd=outcome.cost_usd,
                model=outcome.model,
                input_tokens=outcome.input_tokens,
                output_tokens=outcome.output_tokens,
                is_stand_in=endpoints.current().is_stand_in(provider),
            )
        )
