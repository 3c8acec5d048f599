"""Decodes one file in a process of its own.

The process has no secrets, few rights and limits on memory and time, and its end does not end the worker.
`isolated_decoder.py` starts it. It writes `audio.f32`, `thumbnail.jpg`, `frame-N.jpg` and `examined.json` into FOLDER.

Measurements (all absent where they cannot be measured; nothing is estimated):

- `duration_s` seconds; what was decoded to its end counts more than what the file states
- `width`, `height` pixels as shown: turned upright, square pixels
- `fps` pictures a second
- `cut_count` cuts of the whole video; absent when only its beginning was looked at
- `cuts_per_minute` of the part that was looked at
- `first_cut_s` seconds
- `loudness_lufs` integrated loudness, LUFS (EBU R 128)
- `hook_loudness_lufs` the same of the first 3 s
- `silence_share` share of tenths of a second below -50 dBFS, 0 to 1

`speech_*` and `first_word_s` come from `speech.py`.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from av.container import InputContainer
from av.video.stream import VideoStream
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from functions.transcribe.decoder.completeness import is_cut_off
from functions.transcribe.decoder.loudness import HOOK_S

from .audio import MAX_SAMPLES_BYTES, Sound, extract_sound, read_samples, silence_share
from .container import (
    HostFailure,
    UnreadableMedia,
    claimed_duration_s,
    has_unreadable_pictures,
    has_unreadable_sound,
    is_host_error,
    open_media,
    pictures_of,
    sounds_of,
)
from .cuts import Seen, watch
from .file_access import restrict_files
from .frames import KEY_FRAME_EDGE, KEY_FRAMES, MAX_EDGE, THUMBNAIL_EDGE, jpeg, key_frame_times, key_frames, shown_size
from .frames import thumbnail_of as thumbnail_frame_of
from .system_call_filter import install_filter

MAX_MEMORY_BYTES = 4 * 1024**3
MAX_FILE_BYTES = MAX_SAMPLES_BYTES
"""Of each file that is written."""
_MIN_RATED_S = 1.0
_MAX_TRACKS = 4
"""How many tracks of sound are heard in search of one that is not silent."""
_SILENT_SHARE = 0.99
_CPU_GRACE_S = 5
_MIN_MISSING_S = 0.05
"""How much longer than the rest of a cut file its stated duration must be: some formats state only the rest."""
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

AUDIO, THUMBNAIL, EXAMINED = "audio.f32", "thumbnail.jpg", "examined.json"
_TRACK = "track.f32"
HOST_FAILED = os.EX_IOERR
"""Exit status when this machine failed, not the file."""


def frame_name(number: int) -> str:
    """Return the file of the key frame with this number, from 0."""
    return f"frame-{number}.jpg"


_MAX_S = 1_000_000.0
_RANGES: Mapping[str, tuple[float, float]] = {
    "duration_s": (0.0, _MAX_S),
    "width": (1, MAX_EDGE),
    "height": (1, MAX_EDGE),
    "fps": (0.001, 1000),
    "cut_count": (0, 1_000_000),
    "cuts_per_minute": (0.0, 100_000.0),
    "first_cut_s": (0.0, _MAX_S),
    "loudness_lufs": (-100.0, 100.0),
    "hook_loudness_lufs": (-100.0, 100.0),
    "silence_share": (0.0, 1.0),
}
"""What a measurement can be; no number is kept that is none, or that the database does not hold."""


def _is_possible(name: str, value: float) -> bool:
    least, most = _RANGES.get(name, (1.0, 0.0))
    return least <= value <= most


def _check_measurements(measurements: dict[str, int | float]) -> dict[str, int | float]:
    for name, value in measurements.items():
        if not _is_possible(name, value):
            raise ValueError("no such measurement")
    if ("width" in measurements) != ("height" in measurements):
        raise ValueError("half a size")
    return measurements


type _Sentences = Annotated[str, Field(pattern=r"^[A-Za-z ,;.]{1,300}$")]
"""Words that users read, and nothing that another system could read in another way."""


class Examined(BaseModel):
    """What `examined.json` holds: nothing that the file itself could word, nor numbers that cannot be."""

    model_config = ConfigDict(frozen=True)

    measurements: Annotated[dict[str, int | float], AfterValidator(_check_measurements)] = Field(default_factory=dict)
    frames_at_s: tuple[Annotated[float, Field(ge=0, le=_MAX_S)], ...] = Field(default=(), max_length=KEY_FRAMES)
    has_thumbnail: bool = False
    has_audio: bool = False
    is_audio_truncated: bool = False
    problem: _Sentences | None = None
    """A sentence for the user: what could not be read although the rest could."""
    refusal: _Sentences | None = None
    """A sentence for the user: why nothing could be read."""


def examine(path: Path, folder: Path, *, watch_budget_s: float, pictures_budget_s: float) -> Examined:
    """Decode a file: sound first, then cuts, then pictures, of which those count that the budgets allow.

    Raises:
        UnreadableMedia: neither pictures nor sound of it can be read.
        HostFailure: this machine's disk failed.
        OSError: what was decoded cannot be written.
    """
    problems: list[str] = []
    sound = _hear(path, folder, problems)
    with open_media(path) as container:
        is_cut = is_cut_off(container, path)
    if is_cut:
        problems.append("The file is cut off; its end is missing.")
    with open_media(path) as container:
        stream = pictures_of(container)
        seen = _watch(container, stream, problems, budget_s=watch_budget_s)
        if sound is None and (seen is None or seen.first is None):
            raise UnreadableMedia(problems[0] if problems else "The file holds neither pictures nor sound.")
        duration_s = _duration_s(claimed_duration_s(container), sound, seen, is_cut=is_cut)
        measurements = {"duration_s": duration_s} | _of_sound(sound, folder, is_cut=is_cut)
        frames_at_s: tuple[float, ...] = ()
        if stream is not None and seen is not None and seen.first is not None:
            measurements |= _of_pictures(stream, seen, shown_size(seen.first, stream), is_cut=is_cut)
            # Of a cut file nothing is shown after what is left of it.
            until_s = seen.until_s if is_cut else duration_s or seen.until_s
            frames_at_s = _write_pictures(container, stream, folder, until_s, pictures_budget_s)
    return Examined(
        measurements={
            name: round(value, 3)
            for name, value in measurements.items()
            if value is not None and _is_possible(name, value)
        },
        frames_at_s=frames_at_s,
        has_thumbnail=bool(frames_at_s),
        has_audio=sound is not None,
        is_audio_truncated=sound is not None and (is_cut or not sound.is_whole),
        problem=" ".join(problems) or None,
    )


def _hear(path: Path, folder: Path, problems: list[str]) -> Sound | None:
    """Write the sound of the default track to `AUDIO`; if that is silent, of the first track that is not.

    Returns:
        None when there is no sound that can be decoded.
    """
    chosen: Sound | None = None
    failures: list[str] = []
    for number in range(_MAX_TRACKS):
        with open_media(path) as container:
            streams, is_unreadable = sounds_of(container), has_unreadable_sound(container)
            if number >= len(streams):
                if is_unreadable:
                    failures.append("Sound of the file is in a format that we do not read.")
                break
            try:
                sound = extract_sound(container, folder / _TRACK, stream=streams[number])
            except UnreadableMedia as exc:
                failures.append(str(exc))
                continue
        is_silent = (silence_share(read_samples(folder / _TRACK)) or 0.0) >= _SILENT_SHARE
        if chosen is None or not is_silent:
            chosen = sound
            (folder / _TRACK).replace(folder / AUDIO)
        if not is_silent:
            failures.clear()
            break
    if chosen is not None and chosen.problem is not None:
        failures.append(chosen.problem)
    problems += failures[:1]
    return chosen


def _watch(
    container: InputContainer, stream: VideoStream | None, problems: list[str], *, budget_s: float
) -> Seen | None:
    if stream is None:
        if has_unreadable_pictures(container):
            problems.append("The pictures are in a format that we do not read.")
        return None
    seen = watch(container, stream, budget_s=budget_s)
    if seen.first is None:
        problems.insert(0, "The pictures cannot be decoded.")
    elif seen.problem is not None:
        problems.append(seen.problem)
    return seen


def _duration_s(claimed_s: float | None, sound: Sound | None, seen: Seen | None, *, is_cut: bool) -> float | None:
    if is_cut:
        reached_s = max(sound.duration_s if sound else 0.0, seen.until_s if seen else 0.0)
        return claimed_s if claimed_s is not None and claimed_s > reached_s + _MIN_MISSING_S else None
    ends_s = []
    if sound is not None and sound.is_whole:
        ends_s.append(sound.duration_s)
    if seen is not None and seen.is_whole:
        ends_s.append(seen.until_s)
    is_all_known = len(ends_s) == (sound is not None) + (seen is not None)
    known_s = max(ends_s, default=0.0)
    return known_s if is_all_known else claimed_s if claimed_s is not None and claimed_s >= known_s else known_s or None


def _of_sound(sound: Sound | None, folder: Path, *, is_cut: bool) -> dict[str, float | None]:
    """Measure the sound; of a part of it nothing is said about the whole."""
    if sound is None:
        return {}
    hook = {"hook_loudness_lufs": sound.hook_loudness_lufs}
    if is_cut or not sound.is_whole:
        return hook if sound.problem is None and sound.duration_s >= HOOK_S else {}
    return hook | {
        "loudness_lufs": sound.loudness_lufs,
        "silence_share": silence_share(read_samples(folder / AUDIO)),
    }


def _of_pictures(
    stream: VideoStream, seen: Seen, size: tuple[int, int], *, is_cut: bool
) -> dict[str, int | float | None]:
    return {
        "width": size[0],
        "height": size[1],
        "fps": float(stream.average_rate) if stream.average_rate else None,
        "cut_count": len(seen.cuts_s) if seen.is_whole and not is_cut else None,
        "cuts_per_minute": len(seen.cuts_s) / seen.until_s * 60 if seen.until_s >= _MIN_RATED_S else None,
        "first_cut_s": seen.cuts_s[0] if seen.cuts_s else None,
    }


def _write_pictures(
    container: InputContainer, stream: VideoStream, folder: Path, duration_s: float, budget_s: float
) -> tuple[float, ...]:
    frames = key_frames(container, stream, key_frame_times(duration_s), budget_s=budget_s)
    for number, frame in enumerate(frames):
        picture = jpeg(frame.picture, shown_size(frame.picture, stream), long_edge=KEY_FRAME_EDGE)
        (folder / frame_name(number)).write_bytes(picture)
    if frames:
        shown = thumbnail_frame_of(frames)
        (folder / THUMBNAIL).write_bytes(jpeg(shown, shown_size(shown, stream), long_edge=THUMBNAIL_EDGE))
    return tuple(frame.at_s for frame in frames)


def confine(cpu_s: int) -> None:
    """Give this process limits that a hostile file cannot lift, and let it end with the one that started it.

    No program that it may start gives it more rights. Source: Linux manual pages, "PR_SET_NO_NEW_PRIVS(2const)".
    """
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    # The first limit ends it with SIGXCPU, which tells too much processor time from a kill by this machine.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + _CPU_GRACE_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def isolate(file: Path, folder: Path) -> None:
    """Take the rights of this process that decoding does not need, after its imports and before it reads the file.

    Raises:
        HostFailure: Linux refuses; then no file may be decoded.
    """
    own_code = Path(__file__).parents[2]
    interpreter = (Path(sys.prefix), Path(sys.base_prefix), Path("/usr"), Path("/lib"), Path("/lib64"))
    try:
        restrict_files(written=folder, read=(file, own_code, *interpreter))
        install_filter()
    except (OSError, NotImplementedError) as exc:
        raise HostFailure from exc


def main(arguments: list[str]) -> None:
    """Examine FILE into FOLDER; WATCH and PICTURES are what these may take, CPU the limit on processor time, in s."""
    file, folder, watch_s, pictures_s, cpu_s = arguments
    confine(int(cpu_s))
    isolate(Path(file), Path(folder))
    try:
        examined = examine(Path(file), Path(folder), watch_budget_s=float(watch_s), pictures_budget_s=float(pictures_s))
    except UnreadableMedia as exc:
        examined = Examined(refusal=str(exc))
    (Path(folder) / EXAMINED).write_text(examined.model_dump_json(), encoding="utf-8")


def run(arguments: list[str]) -> int:
    """Run `main` and return the exit status: `HOST_FAILED` where the disk failed, so that the file is not blamed."""
    try:
        main(arguments)
    except HostFailure:
        return HOST_FAILED
    except OSError as exc:
        if not is_host_error(exc):
            raise
        return HOST_FAILED
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
