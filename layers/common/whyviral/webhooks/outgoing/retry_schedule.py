"""When deliveries are tried: ten attempts, with exponential backoff and jitter, over about a day."""

from collections.abc import Callable
from datetime import timedelta

MAX_ATTEMPTS = 10
QUEUED_FOR = timedelta(minutes=1)
"""How long a message may need before the sweeper queues its delivery again."""
REQUEUED_FOR = timedelta(minutes=5)
LEASE = timedelta(seconds=60)
"""Longer than the timeout of DeliveriesFunction, so that two attempts of one delivery never overlap."""
_FIRST_DELAY_S = 10.0
_FACTOR = 3
_MAX_DELAY_S = 12 * 3600.0
_JITTER = 0.2
"""The delay varies by this share in both directions, so that deliveries that failed together do not retry together."""


def retry_delay(attempts_left: int, *, chance: Callable[[], float]) -> timedelta:
    """Return the delay before the next attempt: 10 s, 30 s, 90 s … up to 12 h, each ± 20 %.

    Args:
        attempts_left: how many of `MAX_ATTEMPTS` are left, at least one.
        chance: returns a random number from 0 to 1.
    """
    failed = MAX_ATTEMPTS - attempts_left
    delay_s = min(_MAX_DELAY_S, _FIRST_DELAY_S * _FACTOR ** (failed - 1))
    return timedelta(seconds=delay_s * (1 - _JITTER + 2 * _JITTER * chance()))
