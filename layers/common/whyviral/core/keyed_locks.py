"""Locks by name for the coroutines of one event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class KeyedLocks:
    """Locks by name, which coroutines of one event loop hold one at a time."""

    def __init__(self) -> None:
        self._locks: dict[bytes, asyncio.Lock] = {}

    @asynccontextmanager
    async def one_at_a_time(self, name: bytes) -> AsyncIterator[None]:
        """Wait until no other coroutine is inside with the same name. Waiting holds no thread and no connection."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:
            try:
                yield
            finally:
                self._locks.pop(name, None)  # a coroutine that waits still has the lock, and a later one finds a result
