"""Transactions with retries, so that a short outage of the database does not lose minutes of work."""

import time
from collections.abc import Callable

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from whyviral.core.database import session_scope

_PAUSES_S = (1.0, 2.0, 4.0)


class DatabaseUnavailable(Exception):
    """A transaction failed on every try, so the task fails. That raises an alarm."""


class Transactions:
    """Runs work in transactions, and retries a transaction that fails."""

    def __init__(self, engine: Engine, *, logger: Logger, sleep: Callable[[float], object] = time.sleep) -> None:
        self._engine = engine
        self._logger = logger
        self._sleep = sleep

    def run[Result](self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in a transaction and return its result. `work` must be idempotent, because it may run again.

        Raises:
            DatabaseUnavailable: the transaction failed four times in a row.
        """
        for pause_s in (*_PAUSES_S, None):
            try:
                with session_scope(self._engine) as session:
                    return work(session)
            except SQLAlchemyError as exc:
                self._logger.warning("transaction failed", extra={"error": type(exc).__name__})
                if pause_s is None:
                    raise DatabaseUnavailable from exc
            self._sleep(pause_s)
        raise AssertionError("unreachable")  # the last try returns or raises
