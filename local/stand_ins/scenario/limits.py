"""The vendors' rate limits, which are off until a test sets them."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import Field

from local.stand_ins.scenario.faults import Vendor
from local.stand_ins.scenario.orders import Order

_BLOCK_WINDOW_S = 300.0
_FORBIDDEN, _TOO_MANY = 403, 429


class LimitOrder(Order):
    """The limits to enforce from now on; null for none."""

    twitterapi_per_second: float | None = Field(default=None, gt=0, le=10_000)
    """Calls per key: 3 allows three in any second, 0.2 one in any five. Source: twitterapi.io/qps-limits, 2025-12."""
    brightdata_blocks_after: int | None = Field(default=None, gt=0)
    """The number of 429s in 5 minutes that blocks the caller, 25 at the vendor.

    Source: docs.brightdata.com, "Rate limits", 2026-11.
    """


@dataclass(slots=True)
class Limits:
    """Counts calls and refuses those over the limits."""

    order: LimitOrder = field(default_factory=LimitOrder)
    refused: dict[Vendor, int] = field(default_factory=lambda: dict.fromkeys(Vendor, 0))
    """The number of 429s that each vendor has sent, including those that a test ordered."""
    is_blocked: bool = False
    clock: Callable[[], float] = time.monotonic
    _calls: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _brightdata_refused_mono_s: deque[float] = field(default_factory=deque)

    def find_refusal(self, vendor: Vendor, headers: Mapping[str, str]) -> int | None:
        """Count a call; returns the status with which it is refused, or None if it is within the limits."""
        if vendor is Vendor.BRIGHTDATA and self.is_blocked:
            return _FORBIDDEN
        per_second = self.order.twitterapi_per_second
        if vendor is not Vendor.TWITTERAPI or per_second is None:
            return None
        now, max_calls, window_s = self.clock(), max(1, int(per_second)), max(1.0, 1 / per_second)
        calls = self._calls[headers.get("x-api-key", "")]
        _drop_until(calls, now - window_s)
        if len(calls) >= max_calls:
            return _TOO_MANY
        calls.append(now)
        return None

    def record_answer(self, vendor: Vendor, status: int) -> None:
        """Count an answer if it is a 429, and block the caller after too many."""
        if status != _TOO_MANY:
            return
        self.refused[vendor] += 1
        if vendor is Vendor.BRIGHTDATA and self.order.brightdata_blocks_after is not None:
            refused_mono_s, now = self._brightdata_refused_mono_s, self.clock()
            _drop_until(refused_mono_s, now - _BLOCK_WINDOW_S)
            refused_mono_s.append(now)
            self.is_blocked |= len(refused_mono_s) >= self.order.brightdata_blocks_after


def _drop_until(times_mono_s: deque[float], until_mono_s: float) -> None:
    while times_mono_s and times_mono_s[0] <= until_mono_s:
        times_mono_s.popleft()
