"""Transactions with retries: minutes of work are not lost when the database is away for a moment."""

import time
from collections.abc import Callable

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from whyviral.core.database import session_scope

_PAUSES_S = (1.0, 2.0, 4.0)


class DatabaseUnavailable(Exception):
    """A transaction failed on every try: the task fails, which raises an alarm."""


class Transactions:
    """Runs each piece of work in a transaction, and again where that fails."""

    def __init__(self, engine: Engine, *, logger: Logger, sleep: Callable[[float], object] = time.sleep) -> None:
        self._engine = engine
        self._logger = logger
        self._sleep = sleep

    def run[Result](self, work: Callable[[Session], Result]) -> Result:
        """Commit `work` and return its result; it must be such that doing it twice is as doing it once.

        Raises:
            DatabaseUnavailable: it failed four times in a row.
        """
        for pause_s in (*_PAUSES_S, None):
            try:
                with session_scope(self._engine) as session:
                    return work(session)
            except SQLAlchemyError as exc:
                self._logger.warning("a transaction failed", extra={"error": type(exc).__name__})
                if pause_s is None:
                    raise DatabaseUnavailable from exc
            self._sleep(pause_s)
        raise AssertionError("unreachable")  # the last try returns or raises
