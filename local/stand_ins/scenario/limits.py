"""What vendors do to those who ask too often; off until a test orders it."""

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
    """What is enforced from now on; null: nothing."""

    twitterapi_per_second: float | None = Field(default=None, gt=0, le=10_000)
    """Of each key: 3 are three in any second, 0.2 is one in any five. Source: twitterapi.io/qps-limits, 2025-12."""
    brightdata_blocks_after: int | None = Field(default=None, gt=0)
    """So many 429s in 5 minutes block the caller; really 25. Source: docs.brightdata.com, "Rate limits", 2026-11."""


@dataclass(slots=True)
class Limits:
    """Counts calls, and refusals for haste."""

    order: LimitOrder = field(default_factory=LimitOrder)
    refused: dict[Vendor, int] = field(default_factory=lambda: dict.fromkeys(Vendor, 0))
    """How many 429s each vendor has sent, those that a test ordered included."""
    is_blocked: bool = False
    clock: Callable[[], float] = time.monotonic
    _calls: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _brightdata_refused_at: deque[float] = field(default_factory=deque)

    def find_refusal(self, vendor: Vendor, headers: Mapping[str, str]) -> int | None:
        """Count a call, unless it is one too many: then return the status that it is refused with."""
        if vendor is Vendor.BRIGHTDATA and self.is_blocked:
            return _FORBIDDEN
        per_second = self.order.twitterapi_per_second
        if vendor is not Vendor.TWITTERAPI or per_second is None:
            return None
        now, most, window_s = self.clock(), max(1, int(per_second)), max(1.0, 1 / per_second)
        calls = self._calls[headers.get("x-api-key", "")]
        _forget(calls, now - window_s)
        if len(calls) >= most:
            return _TOO_MANY
        calls.append(now)
        return None

    def note(self, vendor: Vendor, status: int) -> None:
        """Take notice of an answer."""
        if status != _TOO_MANY:
            return
        self.refused[vendor] += 1
        if vendor is Vendor.BRIGHTDATA and self.order.brightdata_blocks_after is not None:
            refused_at, now = self._brightdata_refused_at, self.clock()
            _forget(refused_at, now - _BLOCK_WINDOW_S)
            refused_at.append(now)
            self.is_blocked |= len(refused_at) >= self.order.brightdata_blocks_after


def _forget(moments: deque[float], until: float) -> None:
    while moments and moments[0] <= until:
        moments.popleft()
