"""The port by which coroutines run database work: in short transactions, off the event loop."""

from collections.abc import Callable
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.orm import Session


class Transactions(Protocol):
    """Runs work in a transaction of its own, which ends before the coroutine goes on."""

    async def run[Result](self, work: Callable[[Session], Result], /) -> Result:
        """Run the work in a new transaction, commit it, and return its result.

        Waiting for a free connection holds no thread.
        """
        ...

    async def run_statement[Result](self, work: Callable[[Connection], Result], /) -> Result:
        """Run work that sends a single statement, which is its own transaction and takes one round trip."""
        ...
