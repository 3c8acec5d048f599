"""Database work of coroutines: each piece in a transaction of its own, on one of the pool's connections."""

import asyncio
import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from .database import session_scope, single_statement
from .runner import Runner

_FRESH_S = 5.0
"""A connection used since then is not pinged before the statement."""


class PooledTransactions:
    """Runs transactions in the threads of a runner; implements `whyviral.chat.transactions.Transactions`."""

    def __init__(self, engine: Engine, connections: asyncio.Semaphore, run: Runner) -> None:
        """Share a pool of connections with the other requests of this process.

        Args:
            engine: the pool.
            connections: one permit for each of its connections.
            run: runs blocking work.
        """
        self._engine = engine
        self._connections = connections
        self._run = run

    async def run[Result](self, work: Callable[[Session], Result], /) -> Result:
        """Run the work in a new transaction, commit it, and return its result."""
        async with self._connections:
            return await self._run(_in_transaction, self._engine, work)

    async def run_statement[Result](self, work: Callable[[Connection], Result], /) -> Result:
        """Run work that sends a single statement, which is its own transaction and takes one round trip."""
        async with self._connections:
            return await self._run(_in_autocommit, self._engine, work)


def _in_transaction[Result](engine: Engine, work: Callable[[Session], Result]) -> Result:
    with session_scope(engine) as session:
        return work(session)


def _in_autocommit[Result](engine: Engine, work: Callable[[Connection], Result]) -> Result:
    with single_statement(engine, used_since_mono_s=time.monotonic() - _FRESH_S) as connection:
        return work(connection)
