"""Child processes that never outlive the process that started them, however that one ends."""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1


def end_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Arrange, from inside a child, that it gets `signal_number` as soon as its parent is gone.

    On Linux the kernel does it, when the *thread* that started the child ends: start children from threads that live as
    long as they should. A change of credentials clears it, so call this last. Elsewhere a thread watches the parent.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:  # it died between the two lines above
            os.kill(os.getpid(), signal_number)
    else:
        threading.Thread(target=_watch, args=(parent, signal_number), daemon=True).start()


def _watch(parent: int, signal_number: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signal_number)
