"""Runs a Python as narrowly as Lambda does: a read-only root, no /dev/shm, and an empty /tmp to write to."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

_SCRIPT = """#!/bin/sh
exec unshare --mount --propagation private sh -ec '
mount -t tmpfs tmpfs /tmp
mkdir /tmp/dev
mount -t tmpfs tmpfs /tmp/dev
for device in null zero full random urandom; do
  : > /tmp/dev/$device
  mount --bind /dev/$device /tmp/dev/$device
done
mount --move /tmp/dev /dev
rmdir /tmp/dev
cut -d " " -f 5 /proc/self/mountinfo | while read -r target; do
  case $target in
    /tmp | /proc | /proc/* | /dev/*) ;;
    *) mount -o remount,bind,ro "$target" 2> /dev/null || true ;;
  esac
done
exec setpriv --bounding-set=-all --inh-caps=-all "$@"
' sh {python} "$@"
"""


def write_sandbox(folder: Path) -> Path:
    """Write a program that runs this Python in the sandbox, with the arguments that it gets, and return its path."""
    path = folder / "narrow-python"
    path.write_text(_SCRIPT.format(python=shlex.quote(sys.executable)), encoding="utf-8")
    path.chmod(0o755)
    return path


def why_unavailable() -> str | None:
    """Return why this machine cannot run the sandbox, or None if it can."""
    if sys.platform != "linux":
        return "mount namespaces are Linux's"
    unshare = shutil.which("unshare")
    if unshare is None or shutil.which("setpriv") is None:
        return "there is no `unshare` or no `setpriv`; install util-linux"
    done = subprocess.run([unshare, "--mount", "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"mount namespaces need root: {done.stderr.strip()}"
