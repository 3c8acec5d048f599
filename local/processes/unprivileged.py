"""Runs a program as a user that is not root, even when root started it, and ends it when its owner ends.

Postgres refuses to run as root. `python -m local.processes.unprivileged OWNER_PID FOLDER PROGRAM ARGUMENT...` gives
FOLDER to an unprivileged user, switches to that user and then execs PROGRAM, so the caller's child process *is* the
program.
"""

import contextlib
import os
import pwd
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from local.processes.lifetime import end_with_parent

_ROOT = 0
_NAMESPACE_UID = 65534


def _enter_user_namespace() -> None:
    """Show our own ids as those of nobody: to the program we are not root, to the machine our files stay root's.

    So a private home directory needs no wider rights and no system user is touched. Some containers forbid namespaces.
    """
    uid, gid = os.geteuid(), os.getegid()  # asked before: inside, nobody is all there is until the maps are written
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_NAMESPACE_UID} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_NAMESPACE_UID} {gid} 1")


def _works_in_a_child(change: Callable[[], None]) -> bool:
    """Whether `change`, which may fail halfway and cannot be undone, works in a process like this one."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            change()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    """Give a folder, which another way of dropping root may have owned until now, to a user."""
    if folder.stat().st_uid == uid:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def _drop_root(folder: Path) -> None:
    if sys.platform == "linux" and _works_in_a_child(_enter_user_namespace):
        _hand_over(folder, _ROOT, _ROOT)
        _enter_user_namespace()
        return
    nobody = pwd.getpwnam("nobody")
    _hand_over(folder, nobody.pw_uid, nobody.pw_gid)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def main(owner_pid: str, folder: str, program: str, *arguments: str) -> None:
    """Turn this process into the program."""
    if os.geteuid() == _ROOT:
        _drop_root(Path(folder))
    # SIGINT is Postgres's fast shutdown. macOS has no such thing: there the program outlives an owner that is killed.
    if sys.platform == "linux":
        end_with_parent(signal.SIGINT)
    if os.getppid() != int(owner_pid):
        sys.exit("the owner is gone already")
    os.execv(program, (program, *arguments))  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
