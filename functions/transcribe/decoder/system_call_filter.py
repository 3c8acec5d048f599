"""Denies system calls to the decoding process with seccomp: it cannot start programs, use the network or trace others.

Sources: Linux kernel documentation, "Seccomp BPF"; Linux manual page "seccomp(2)"; `asm/unistd.h` of both machines.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# Offsets of `struct seccomp_data`; the lower half of the first argument, as both machines are little-endian.
_NUMBER_AT, _MACHINE_AT, _ARGUMENT_AT = 0, 4, 16
_CLONE_THREAD = 0x10000
_X32_CALLS = 0x40000000
"""The first number of the x32 interface, which has the same machine as x86_64."""

_DENIED = (
    *("fork", "vfork", "execve", "execveat"),
    *("socket", "socketpair", "io_uring_setup"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd", "pidfd_send_signal"),
    *("tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"),
    *("unshare", "setns", "mount", "pivot_root", "chroot", "bpf", "perf_event_open", "userfaultfd"),
    *("keyctl", "add_key", "request_key", "shmget", "shmat", "msgget", "semget", "mq_open"),
    *("init_module", "finit_module", "kexec_load", "reboot", "open_by_handle_at"),
)
_OWN_PROCESS_ONLY = ("kill", "tgkill")
"""Allowed for this process, which ends itself with `abort`; a signal to another process is denied."""

_X86_64 = {
    "fork": 57,
    "vfork": 58,
    "clone": 56,
    "clone3": 435,
    "execve": 59,
    "execveat": 322,
    "seccomp": 317,
    "socket": 41,
    "socketpair": 53,
    "io_uring_setup": 425,
    "ptrace": 101,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
    "pidfd_send_signal": 424,
    "kill": 62,
    "tkill": 200,
    "tgkill": 234,
    "rt_sigqueueinfo": 129,
    "rt_tgsigqueueinfo": 297,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "pivot_root": 155,
    "chroot": 161,
    "bpf": 321,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "keyctl": 250,
    "add_key": 248,
    "request_key": 249,
    "shmget": 29,
    "shmat": 30,
    "msgget": 68,
    "semget": 64,
    "mq_open": 240,
    "prlimit64": 302,
    "init_module": 175,
    "finit_module": 313,
    "kexec_load": 246,
    "reboot": 169,
    "open_by_handle_at": 304,
}
_AARCH64 = {
    "clone": 220,
    "clone3": 435,
    "execve": 221,
    "execveat": 281,
    "seccomp": 277,
    "socket": 198,
    "socketpair": 199,
    "io_uring_setup": 425,
    "ptrace": 117,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
    "pidfd_send_signal": 424,
    "kill": 129,
    "tkill": 130,
    "tgkill": 131,
    "rt_sigqueueinfo": 138,
    "rt_tgsigqueueinfo": 240,
    "unshare": 97,
    "setns": 268,
    "mount": 40,
    "pivot_root": 41,
    "chroot": 51,
    "bpf": 280,
    "perf_event_open": 241,
    "userfaultfd": 282,
    "keyctl": 219,
    "add_key": 217,
    "request_key": 218,
    "shmget": 194,
    "shmat": 196,
    "msgget": 186,
    "semget": 190,
    "mq_open": 180,
    "prlimit64": 261,
    "init_module": 105,
    "finit_module": 273,
    "kexec_load": 104,
    "reboot": 142,
    "open_by_handle_at": 265,
}
"""This machine has no `fork` and no `vfork`: its C library calls `clone`."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """A processor architecture as seccomp sees it."""

    audit_number: int
    calls: dict[str, int]


_MACHINES = {"x86_64": _Machine(0xC000003E, _X86_64), "aarch64": _Machine(0xC00000B7, _AARCH64)}


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install_filter() -> None:
    """Deny the calls to every thread of this process, for ever. On other systems than Linux this does nothing.

    Call it after the imports: a library that starts a program while it is imported would fail.

    Raises:
        OSError: Linux refuses the filter.
        NotImplementedError: the numbers of this machine's system calls are not known.
    """
    if sys.platform != "linux":
        return
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise NotImplementedError(f"no system call filter for {platform.machine()}")
    instructions = b"".join(_instructions(machine, pid=os.getpid()))
    program = _Program(len(instructions) // 8, instructions)
    library: Any = ctypes.CDLL(None, use_errno=True)
    number = ctypes.c_long(machine.calls["seccomp"])
    if (
        library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        or library.syscall(number, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program)) != 0
    ):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _instructions(machine: _Machine, *, pid: int) -> Iterator[bytes]:
    """Yield the filter. Each rule is complete in itself and falls through to the next where it does not apply."""
    denied = _ERRNO | errno.EPERM
    calls = machine.calls
    yield _instruction(_LOAD, _MACHINE_AT)
    yield from _return_unless(_JUMP_EQUAL, machine.audit_number, _KILL_PROCESS)
    yield _instruction(_LOAD, _NUMBER_AT)
    yield _instruction(_JUMP_AT_LEAST, _X32_CALLS, otherwise=1)
    yield _instruction(_RETURN, _KILL_PROCESS)
    for name in _DENIED:
        if name in calls:
            yield from _on_call(calls[name], [_instruction(_RETURN, denied)])
    # Its flags are in memory, which a filter cannot read; the C library then calls `clone` instead.
    yield from _on_call(calls["clone3"], [_instruction(_RETURN, _ERRNO | errno.ENOSYS)])
    yield from _on_call(calls["clone"], _allow_if(_JUMP_ANY_BIT, _CLONE_THREAD, otherwise=denied))
    for name in _OWN_PROCESS_ONLY:
        yield from _on_call(calls[name], _allow_if(_JUMP_EQUAL, pid, otherwise=denied))
    # 0 means the calling process; limits of another process are denied.
    yield from _on_call(calls["prlimit64"], _allow_if(_JUMP_EQUAL, 0, otherwise=denied))
    yield _instruction(_RETURN, _ALLOW)


def _on_call(number: int, rule: list[bytes]) -> Iterator[bytes]:
    yield _instruction(_JUMP_EQUAL, number, otherwise=len(rule))
    yield from rule


def _allow_if(jump: int, value: int, *, otherwise: int) -> list[bytes]:
    return [
        _instruction(_LOAD, _ARGUMENT_AT),
        *_return_unless(jump, value, otherwise),
        _instruction(_RETURN, _ALLOW),
    ]


def _return_unless(jump: int, value: int, result: int) -> Iterator[bytes]:
    yield _instruction(jump, value, then=1)
    yield _instruction(_RETURN, result)


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Return a `struct sock_filter`; `then` and `otherwise` say how many instructions a jump skips."""
    return struct.pack("<HBBI", code, then, otherwise, value)
