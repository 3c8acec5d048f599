"""Another user of this machine cannot read anything of a running system."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.database.postgres import Postgres
from local.database.product import app_url, create_database
from local.private_file import write_private
from tests.fixtures.database import run_script

SECRET = "known to root alone"
PROOF = """
import os, sys
from pathlib import Path
import pg8000.dbapi

secret_file, data, run_file, port, password = sys.argv[1:]
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65533)
    os.setuid(65533)
read = []

def connect(user, password):
    return pg8000.dbapi.connect(
        user=user, password=password, host="127.0.0.1", port=int(port), database="postgres", ssl_context=False
    )

def attempt(what):
    try:
        read.append(str(what()))
    except Exception as exc:
        print(type(exc).__name__, file=sys.stderr)

def by_program(user, password):
    connection = connect(user, password)
    cursor = connection.cursor()
    cursor.execute("create temporary table loot (line text)")
    cursor.execute(f"copy loot from program 'cat {secret_file}'")
    cursor.execute("select line from loot")
    return cursor.fetchall()

def select_one(user, password):
    cursor = connect(user, password).cursor()
    cursor.execute("select 1")
    return cursor.fetchall()

if password:
    attempt(lambda: select_one("postgres", password))
else:
    for user in ("postgres", "whyviral_api"):
        for guess in (None, "", user, "postgres"):
            attempt(lambda: by_program(user, guess))
            attempt(lambda: select_one(user, guess))
    if os.geteuid() == 65533:
        attempt(lambda: os.listdir(data))
        attempt(lambda: Path(data, "owner-password").read_text())
        attempt(lambda: Path(data, "pg_hba.conf").write_text("host all all all trust"))
        attempt(lambda: Path(run_file).read_text())
print(read)
"""


def prove(postgres: Postgres, folder: Path, password: str = "") -> str:
    """Run the attack as an ordinary user and return the data that it read."""
    port = postgres.url.rpartition(":")[2].partition("/")[0]
    arguments = [str(folder / "secret"), str(folder / "data"), str(folder / "run.json"), port, password]
    run = subprocess.run([sys.executable, "-c", PROOF, *arguments], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Postgres]:
    with Postgres(folder / "data") as server:
        run_script(server.url, f"create role whyviral_api login password '{server.password_of('whyviral_api')}'")
        write_private(folder / "run.json", json.dumps({"database_url": server.url}))
        for parent in (folder, *folder.parents[:2]):  # pytest's folders are private, but a user's may not be
            parent.chmod(0o755)
        yield server


def test_another_user_cannot_read_the_database(server: Postgres, folder: Path) -> None:
    assert prove(server, folder) == "[]"


def test_the_attack_reads_the_database_if_it_has_the_password(server: Postgres, folder: Path) -> None:
    assert prove(server, folder, server.password_of("postgres")) == "['([1],)']"


def test_the_applications_password_does_not_lead_to_its_owners(server: Postgres) -> None:
    passwords = {server.password_of(role) for role in ("postgres", "whyviral_api", "other")}

    assert len(passwords) == 3
    assert server.password_of("postgres") not in app_url(server, "postgres")


def test_other_users_cannot_read_the_data_folder_or_the_password(server: Postgres, folder: Path) -> None:
    modes = {path: (folder / path).stat().st_mode & 0o777 for path in ("data", "data/owner-password", "run.json")}

    assert modes == {"data": 0o700, "data/owner-password": 0o600, "run.json": 0o600}


def test_a_data_folder_without_a_password_keeps_its_rows_and_gets_a_password(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "data")
    with server:
        create_database(server, "kept")
    (tmp_path / "data" / "owner-password").unlink()
    (tmp_path / "data" / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
    with server:
        run_script(server.url_of("kept"), "select 1")
        rules = (tmp_path / "data" / "pg_hba.conf").read_text()

    assert "trust" not in rules


def test_rewriting_a_world_readable_file_makes_it_private(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("old and longer than the new text")
    path.chmod(0o644)

    write_private(path, "new")

    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
