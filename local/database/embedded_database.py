"""Supervision of the embedded database server: it is restarted a few times, then its failure is reported."""

from collections.abc import Callable
from dataclasses import dataclass

from local.database.postgres import Postgres, PostgresError

_MAX_RESTARTS = 3
"""During one run of the system."""


@dataclass(slots=True)
class EmbeddedDatabase:
    """The embedded server and its supervisor."""

    server: Postgres
    report: Callable[[str], None]
    """Called with a message for each restart."""
    restarts: int = 0

    def check(self) -> None:
        """Restart the server if it has exited; call this from the thread that started it, because it ends with that.

        Raises:
            PostgresError: the server exited too often, or does not start again.
        """
        if not self.server.has_ended:
            return
        if self.restarts >= _MAX_RESTARTS:
            raise PostgresError(f"the database server exited {self.restarts + 1} times; its log is {self.server.log}")
        self.restarts += 1
        try:
            self.server.restart()
        except PostgresError as exc:
            raise PostgresError(f"the database server exited and could not be restarted: {exc}") from exc
        self.report("the database server exited and was restarted; requests in progress may have failed")
