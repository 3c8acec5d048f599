"""Runs `examination.py` in a process of its own, so that a hostile file harms only that process."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from functions.transcribe.deadline import Deadline, OutOfTime, WorkerStopped

from .container import HostFailure, UnreadableMedia
from .examination import EXAMINED, HOST_FAILED, MAX_FILE_BYTES, Examined
from .untrusted_files import open_untrusted

MAX_EXAMINE_S = 240.0
WATCH_BUDGET_S = 90.0
"""For the detection of cuts: enough for about 4 min of 1080p video on two cores."""
PICTURES_BUDGET_S = 60.0
"""For the key frames, which are sought one by one: 8K or AV1 decodes a few frames a second."""
_POLL_S = 0.1
_CORES = 2
_MAX_ANSWER_BYTES = 100_000
MAX_FOLDER_BYTES = 3 * MAX_FILE_BYTES
"""Two tracks of sound at once, the input and the pictures."""
_ROOT = Path(__file__).parents[3]


def decode(path: Path, folder: Path, *, deadline: Deadline) -> Examined:
    """Examine a file; see `examine`.

    Raises:
        UnreadableMedia: it cannot be read, or exhausted the process that tried.
        HostFailure: the process was killed, or this machine's disk failed: the file may be sound.
        OutOfTime: the job's time ended first.
        WorkerStopped: the job was stopped.
    """
    allowed_s = min(MAX_EXAMINE_S, deadline.left_s)
    watch_s = min(WATCH_BUDGET_S, allowed_s / 2)
    # Together less than what is allowed, so that slow pictures do not cost the sound.
    pictures_s = min(PICTURES_BUDGET_S, allowed_s / 4)
    arguments = [str(path), str(folder), f"{watch_s:.1f}", f"{pictures_s:.1f}", f"{int(allowed_s * _CORES) + 1}"]
    # No secrets and no addresses: only where the code is.
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(  # noqa: S603 - our own program; the file is an argument, never part of a command line
        [sys.executable, "-m", "functions.transcribe.decoder.examination", *arguments],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # FFmpeg quotes the file's own words
    ) as process:
        try:
            _wait(process, folder, deadline=deadline, ends=Deadline(allowed_s))
        finally:
            process.kill()
    return read_answer(folder, process.returncode)


def _wait(process: subprocess.Popen[bytes], folder: Path, *, deadline: Deadline, ends: Deadline) -> None:
    while True:
        try:
            process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            if deadline.is_stopped:
                raise WorkerStopped from None
            if deadline.is_over:
                raise OutOfTime from None
            if ends.is_over:
                raise UnreadableMedia("The file takes too long to decode.") from None
            if _size_bytes(folder) > MAX_FOLDER_BYTES:
                raise UnreadableMedia("The file takes too much room to decode.") from None
        else:
            return


def _size_bytes(folder: Path) -> int:
    """Return the size of a folder's files, some of which may vanish meanwhile."""
    size_bytes = 0
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            size_bytes += entry.stat(follow_symlinks=False).st_size
    return size_bytes


def read_answer(folder: Path, status: int) -> Examined:
    """Return the answer of the decoding process, which a hostile file may have written.

    Raises:
        UnreadableMedia: it refuses the file, it is no possible answer, or `status` says that the process failed.
        HostFailure: `status` says that a signal ended the process or that the disk failed.
    """
    if status == -signal.SIGXCPU:
        raise UnreadableMedia("The file takes too long to decode.")
    if status < 0 or status == HOST_FAILED:
        raise HostFailure
    if status != os.EX_OK:
        raise UnreadableMedia("The file cannot be decoded.")
    with open_untrusted(folder / EXAMINED, max_bytes=_MAX_ANSWER_BYTES) as file:
        answer = file.read()
    try:
        examined = Examined.model_validate_json(answer)
    except ValidationError as exc:
        raise UnreadableMedia("The file cannot be decoded.") from exc
    if examined.refusal is not None:
        raise UnreadableMedia(examined.refusal)
    return examined
