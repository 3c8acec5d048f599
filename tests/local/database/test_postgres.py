import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.database import postgres
from local.database.postgres import Postgres, PostgresError
from tests.fixtures.waits import wait_until
from whyviral.core.database import build_engine

OWNER = """
import sys, time
from pathlib import Path
from local.database.postgres import Postgres
server = Postgres(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(3600)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder, created once because its creation takes longer than all tests of this file."""
    folder = tmp_path_factory.mktemp("data") / "data"
    with Postgres(folder):
        pass
    return folder


def run_sql(url: str, *statements: str) -> list[tuple[object, ...]]:
    engine = build_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result.all()] if result.returns_rows else []
    finally:
        engine.dispose()


def start_owner(data: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", OWNER, str(data)], stdout=subprocess.PIPE, text=True)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_data_survives_a_restart(data: Path) -> None:
    server = Postgres(data)
    with server:
        run_sql(server.url, "create table kept (value int)", "insert into kept values (42)")

    with server:
        rows = run_sql(server.url, "select value from kept")

    assert rows == [(42,)]
    assert {path.name for path in data.parent.iterdir()} == {"data", "data.log"}


def test_the_server_listens_on_loopback_only_and_ctrl_c_does_not_reach_it(data: Path) -> None:
    with Postgres(data) as server:
        listening = {
            connection.laddr.ip
            for connection in psutil.Process(server.pid).net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
        rows = run_sql(server.url, "select current_setting('unix_socket_directories'), current_setting('timezone')")

        assert listening == {"127.0.0.1"}
        assert rows == [("", "UTC")]
        assert os.getpgid(server.pid) != os.getpgid(0)


def test_stopping_ends_the_server_and_may_be_repeated(data: Path) -> None:
    server = Postgres(data)
    server.start()
    pid = server.pid

    server.stop()
    server.stop()

    assert not is_running(pid)
    with pytest.raises(PostgresError, match="not running"):
        _ = server.url


def test_the_next_free_port_is_used_if_the_wanted_one_is_taken(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with Postgres(data, port=port) as server:
            got = int(server.url.split(":")[-1].split("/")[0])

            assert port < got < port + 50
            assert run_sql(server.url, "select 1") == [(1,)]


def test_killing_the_owner_ends_the_server_and_the_next_owner_finds_the_data(data: Path) -> None:
    with start_owner(data) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())

        owner.kill()
        owner.wait()
        with Postgres(data) as server:  # immediately, while the old server may still be shutting down
            rows = run_sql(server.url, "select 1")

    assert rows == [(1,)]
    assert not is_running(pid)
    assert "database system was not properly shut down" not in data.with_name("data.log").read_text()


def test_the_server_starts_after_its_owner_was_killed_while_creating_the_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with start_owner(data) as owner:
        wait_until((tmp_path / "data.new" / "base").exists, every_s=0.005)
        owner.kill()

    with Postgres(data) as server:  # immediately, while initdb may still be cleaning up
        rows = run_sql(server.url, "select 1")

    assert rows == [(1,)]


def test_an_incomplete_data_folder_is_created_again(tmp_path: Path) -> None:
    half_made = tmp_path / "data.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")

    with Postgres(tmp_path / "data") as server:
        rows = run_sql(server.url, "select 1")

    assert rows == [(1,)]
    assert not half_made.exists()


def test_a_killed_server_keeps_what_was_committed_and_starts_again(data: Path) -> None:
    server = Postgres(data)
    with server:
        run_sql(server.url, "create table committed (value int)", "insert into committed values (42)")
        os.kill(server.pid, signal.SIGKILL)

    with server:
        rows = run_sql(server.url, "select value from committed")

    assert rows == [(42,)]


def test_a_reused_process_id_in_the_pid_file_does_not_prevent_the_start(data: Path) -> None:
    server = Postgres(data)
    pid_file = data / "postmaster.pid"
    with server:
        left_behind = pid_file.read_text().replace(str(server.pid), str(os.getpid()), 1)
    pid_file.write_text(left_behind)

    with server:
        rows = run_sql(server.url, "select 1")

    assert rows == [(1,)]


def test_a_data_folder_in_use_is_refused_with_its_path(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_PREVIOUS_OWNER_TIMEOUT_S", 0.1)  # a constant; a lower value shortens the test
    with Postgres(data) as server:
        intruder = Postgres(data, log=tmp_path / "intruder.log")

        with pytest.raises(PostgresError, match=f"in use by the server with process id {server.pid}"):
            intruder.start()

        assert run_sql(server.url, "select 1") == [(1,)]


def test_a_folder_with_other_files_is_not_changed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "thesis.txt").write_text("irreplaceable")

    with pytest.raises(PostgresError, match="not a Postgres database"):
        Postgres(data).start()

    assert (data / "thesis.txt").read_text() == "irreplaceable"


def test_the_error_of_a_server_that_cannot_start_has_the_reason(data: Path) -> None:
    version = (data / "PG_VERSION").read_text()
    (data / "PG_VERSION").write_text("9\n")

    with pytest.raises(PostgresError, match="not compatible"):
        Postgres(data).start()

    (data / "PG_VERSION").write_text(version)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")
def test_without_user_namespaces_root_becomes_an_unprivileged_user(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "PG_VERSION").touch()
    without_namespaces = "\n".join(
        [
            "import os, sys",
            "from local.processes import unprivileged",
            "unprivileged._works_in_a_child = lambda change: False",
            "unprivileged.main(str(os.getppid()), sys.argv[1], '/usr/bin/env', 'id', '-u')",
        ]
    )

    answer = subprocess.run(
        [sys.executable, "-c", without_namespaces, str(folder)], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == str(folder.stat().st_uid) == str((folder / "PG_VERSION").stat().st_uid) != "0"
