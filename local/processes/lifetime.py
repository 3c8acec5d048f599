"""Child processes that end with their parent, even if the parent is killed."""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1


def end_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Arrange, from inside a child, that it receives `signal_number` when its parent ends.

    On Linux the kernel sends the signal when the *thread* that started the child ends, so start children from threads
    that live long enough. A change of credentials clears the setting, so call this last. On other systems a thread of
    the child polls for its parent.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before the call of prctl
            os.kill(os.getpid(), signal_number)
    else:
        threading.Thread(target=_watch, args=(parent, signal_number), daemon=True).start()


def _watch(parent: int, signal_number: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signal_number)
