import os
import signal
from pathlib import Path

import psutil
import pytest

from local.database import embedded_database
from local.database.embedded_database import EmbeddedDatabase
from local.database.postgres import Postgres, PostgresError
from tests.fixtures.database import run_script


def kill(server: Postgres) -> None:
    process = psutil.Process(server.pid)
    os.kill(server.pid, signal.SIGKILL)
    process.wait(30)
    assert server.has_ended


def test_a_killed_server_is_restarted_on_its_port_a_few_times_and_then_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_database, "_MAX_RESTARTS", 2)  # a constant; a lower value shortens the test
    messages: list[str] = []
    with Postgres(tmp_path / "data") as server:
        database = EmbeddedDatabase(server, messages.append)
        url = server.url
        database.check()
        for _ in range(2):
            kill(server)
            database.check()
            assert server.url == url
            run_script(url, "select 1")
        kill(server)

        with pytest.raises(PostgresError, match="exited 3 times"):
            database.check()

    assert len(messages) == 2
