"""The release that runs on one machine: the checkout's commit."""

import subprocess
from pathlib import Path

from whyviral.core.telemetry.release import LOCAL_RELEASE

_CHECKOUT = Path(__file__).resolve().parents[2]


def checkout_release() -> str:
    """Return `git describe` of this checkout; "local" without git, or outside of a repository."""
    command = ["git", "describe", "--always", "--dirty=+"]
    try:
        done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return LOCAL_RELEASE
    return done.stdout.strip()
