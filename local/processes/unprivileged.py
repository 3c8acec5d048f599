"""Runs a program without root's rights, even when root starts it, and ends it when its owner ends.

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
_UNPRIVILEGED_USER = "nobody"


def _enter_user_namespace() -> None:
    """Map this process's ids to unprivileged ones in a user namespace; outside it, files still belong to root.

    A private home directory therefore needs no wider permissions, and no system user is involved. Some containers
    forbid namespaces.
    """
    uid, gid = os.geteuid(), os.getegid()  # read first: inside, both are the overflow id until the maps are written
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_NAMESPACE_UID} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_NAMESPACE_UID} {gid} 1")


def _works_in_a_child(change: Callable[[], None]) -> bool:
    """Whether `change` succeeds in a forked child; it may fail halfway and cannot be undone in this process."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            change()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    """Give a folder to a user; an earlier run may have dropped root in the other way and left another owner."""
    if folder.stat().st_uid == uid:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def _drop_root(folder: Path) -> None:
    if sys.platform == "linux" and _works_in_a_child(_enter_user_namespace):
        _hand_over(folder, _ROOT, _ROOT)
        _enter_user_namespace()
        return
    user = pwd.getpwnam(_UNPRIVILEGED_USER)
    _hand_over(folder, user.pw_uid, user.pw_gid)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def main(owner_pid: str, folder: str, program: str, *arguments: str) -> None:
    """Replace this process with the program."""
    if os.geteuid() == _ROOT:
        _drop_root(Path(folder))
    # SIGINT is Postgres's fast shutdown. macOS has no such signal at a parent's death: there the program keeps running
    # when its owner is killed.
    if sys.platform == "linux":
        end_with_parent(signal.SIGINT)
    if os.getppid() != int(owner_pid):
        sys.exit("the owner has already ended")
    os.execv(program, (program, *arguments))  # noqa: S606 - no shell is needed


if __name__ == "__main__":
    main(*sys.argv[1:])
