"""What code that took the decoder over can do: the attempts run as the decoder does, after its isolation."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from functions.transcribe.decoder.file_access import find_landlock_version

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux's")

_ISOLATED = """
import ctypes, os, pathlib, signal, socket, sys, threading
from functions.transcribe.decoder.examination import isolate
isolate(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
def call(number, *arguments):
    ctypes.set_errno(0)
    if ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""


def _run_isolated(attempt: str, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    """Run code as the decoder of `job/medium`; another job's file lies beside that folder."""
    for job in ("job", "other"):
        (tmp_path / job).mkdir(mode=0o700)
        (tmp_path / job / "medium").write_bytes(b"content of " + job.encode())
    (tmp_path / "job" / "own").write_text("to be replaced")
    arguments = [str(tmp_path / "job" / "medium"), str(tmp_path / "job"), str(tmp_path / "other"), str(os.getpid())]
    return subprocess.run(
        [sys.executable, "-c", _ISOLATED + attempt, *arguments],
        cwd=tmp_path / "job",
        capture_output=True,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PATH": ""},
        check=False,
    )


_ATTEMPTS = {
    "fork a process": "os.fork()",
    "fork by the system call": "call(57 if os.uname().machine == 'x86_64' else 220, 0, 0, 0, 0, 0)",
    "start a program": "os.execv(sys.executable, [sys.executable, '-c', 'pass'])",
    "spawn a program": "os.posix_spawn(sys.executable, [sys.executable, '-c', 'pass'], {})",
    "open a socket": "socket.socket()",
    "open a local socket": "socket.socket(socket.AF_UNIX)",
    "open a pair of sockets": "socket.socketpair()",
    "trace its parent": "call(101 if os.uname().machine == 'x86_64' else 117, 16, int(sys.argv[4]), 0, 0)",
    "kill its parent": "os.kill(int(sys.argv[4]), signal.SIGTERM)",
    "stop all processes": "os.kill(-1, 0)",
    "limit its parent": "import resource; resource.prlimit(int(sys.argv[4]), resource.RLIMIT_NOFILE, (9, 9))",
    "open its parent": "os.pidfd_open(int(sys.argv[4]))",
}
_FILE_ATTEMPTS = {
    "read its parent's environment": "open(f'/proc/{sys.argv[4]}/environ', 'rb').read()",
    "read its parent's memory": "open(f'/proc/{sys.argv[4]}/mem', 'rb').read(1)",
    "read another job's file": "open(sys.argv[3] + '/medium', 'rb').read()",
    "list another job's folder": "os.listdir(sys.argv[3])",
    "write another job's file": "open(sys.argv[3] + '/medium', 'wb')",
    "read the users of this machine": "open('/etc/passwd').read()",
    "write outside of its folder": "open('../new', 'w')",
    "write its own program": "open(sys.modules['functions.transcribe.decoder.examination'].__file__, 'a')",
    "leave a link in its folder": "os.symlink('/etc/passwd', 'link')",
}


@pytest.mark.parametrize("attempt", _ATTEMPTS)
def test_a_decoder_that_was_taken_over_cannot(attempt: str, tmp_path: Path) -> None:
    _assert_denied(_ATTEMPTS[attempt], tmp_path)


@pytest.mark.skipif(find_landlock_version() is None, reason="this kernel has no Landlock")
@pytest.mark.parametrize("attempt", _FILE_ATTEMPTS)
def test_a_decoder_that_was_taken_over_has_no_file_to(attempt: str, tmp_path: Path) -> None:
    _assert_denied(_FILE_ATTEMPTS[attempt], tmp_path)


def _assert_denied(attempt: str, tmp_path: Path) -> None:
    ended = _run_isolated(attempt, tmp_path)

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("PermissionError: "), ended.stderr
    assert sorted(path.name for path in (tmp_path / "job").iterdir()) == ["medium", "own"]
    assert (tmp_path / "other" / "medium").read_bytes() == b"content of other"


_NEEDED = {
    "read its input": "open(sys.argv[1], 'rb').read()",
    "start a thread": "done = threading.Thread(target=print); done.start(); done.join()",
    "write a new file": "open('new', 'wb').write(b'x' * 10)",
    "replace a file": "open('new', 'w').write('x'); os.replace('new', 'own')",
    "import a module": "import colorsys",
    "open a file of the decoder itself": "from functions.transcribe.decoder.container import open_media",
}


@pytest.mark.parametrize("need", _NEEDED)
def test_an_isolated_decoder_can(need: str, tmp_path: Path) -> None:
    ended = _run_isolated(_NEEDED[need], tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_isolated_decoder_can_abort(tmp_path: Path) -> None:
    assert _run_isolated("os.abort()", tmp_path).returncode == -signal.SIGABRT


def test_a_thread_that_ran_before_is_isolated_too(tmp_path: Path) -> None:
    attempt = """
def work():
    go.wait()
    try:
        socket.socket()
    except PermissionError:
        print("denied")
"""
    before = "import threading\ngo = threading.Event()\n" + attempt.replace(
        "socket.socket", "__import__('socket').socket"
    )
    program = f"{before}thread = threading.Thread(target=work); thread.start()\n{_ISOLATED}go.set(); thread.join()"
    (tmp_path / "medium").touch()
    environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "medium"), str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )

    assert (ended.stdout, ended.stderr) == ("denied\n", "")
