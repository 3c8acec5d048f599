"""The database server of a running system under watch: started again a few times, then reported by name."""

from collections.abc import Callable
from dataclasses import dataclass

from local.database.postgres import Postgres, PostgresError

_MOST_RESTARTS = 3
"""In one run of the system."""


@dataclass(slots=True)
class EmbeddedDatabase:
    """The embedded server, and what happens when it ends by itself."""

    server: Postgres
    say: Callable[[str], None]
    """Told of each restart."""
    restarts: int = 0

    def check(self) -> None:
        """Start the server again if it has ended; call it from the thread that started it, with which it ends.

        Raises:
            PostgresError: it has ended too often, or cannot be started.
        """
        if not self.server.has_ended:
            return
        if self.restarts >= _MOST_RESTARTS:
            raise PostgresError(f"the database has ended {self.restarts + 1} times; its log says why")
        self.restarts += 1
        try:
            self.server.restart()
        except PostgresError as exc:
            raise PostgresError(f"the database has ended and could not be started again: {exc}") from exc
        self.say("the database had ended and was started again; requests under way may have failed")
