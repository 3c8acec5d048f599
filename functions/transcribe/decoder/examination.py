"""Decodes one file in an isolated process.

`isolated_decoder.py` starts the process. It has no secrets, few rights, and limits on memory and time, and a crash does
not end the worker. It writes `audio.f32`, `thumbnail.jpg`, `frame-N.jpg` and `examined.json` into FOLDER.

Measurements (each is absent if it cannot be measured; none is estimated):

- `duration_s` seconds; the decoded length takes precedence over the length that the file states
- `width`, `height` pixels as displayed: rotated upright, square pixels
- `fps` frames per second
- `cut_count` cuts of the whole video; absent if only its beginning was decoded
- `cuts_per_minute` cuts per minute of the decoded part
- `first_cut_s` seconds
- `loudness_lufs` integrated loudness, LUFS (EBU R 128)
- `hook_loudness_lufs` the same for the first 3 s
- `silence_share` share of tenths of a second below -50 dBFS, 0 to 1

The timeline (`timeline.py`) has the positions of the cuts and the level of the sound, also of a part that was decoded.
`speech.py` measures `speech_*` and `first_word_s`.
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

from .audio import MAX_SAMPLES_BYTES, Samples, Sound, extract_sound, read_samples, silence_share
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
from .cuts import WatchedVideo, watch
from .file_access import restrict_files
from .frames import KEY_FRAME_EDGE, KEY_FRAMES, MAX_EDGE, THUMBNAIL_EDGE, jpeg, key_frame_times, key_frames, shown_size
from .frames import thumbnail_of as thumbnail_frame_of
from .system_call_filter import install_filter
from .timeline import Timeline, cuts_on_timeline, timeline_of_levels

MAX_MEMORY_BYTES = 4 * 1024**3
MAX_FILE_BYTES = MAX_SAMPLES_BYTES
"""The maximum size of each file that the process writes."""
_MIN_CUT_RATE_S = 1.0
_MAX_TRACKS = 4
"""How many audio tracks are decoded to find one that is not silent."""
_SILENT_SHARE = 0.99
_CPU_GRACE_S = 5
_MIN_MISSING_S = 0.05
"""How much the stated duration of a cut-off file must exceed its rest. Some formats state only that of the rest."""
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

AUDIO, THUMBNAIL, EXAMINED = "audio.f32", "thumbnail.jpg", "examined.json"
_TRACK = "track.f32"
HOST_FAILED = os.EX_IOERR
"""The exit status if this machine failed, not the file."""


def frame_name(number: int) -> str:
    """Return the file name of the key frame with this number, from 0."""
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
"""The valid range of each measurement. Values outside, such as NaN and numbers too large to store, are dropped."""


def _is_possible(name: str, value: float) -> bool:
    min_value, max_value = _RANGES.get(name, (1.0, 0.0))
    return min_value <= value <= max_value


def _check_measurements(measurements: dict[str, int | float]) -> dict[str, int | float]:
    for name, value in measurements.items():
        if not _is_possible(name, value):
            raise ValueError("unknown measurement or value out of range")
    if ("width" in measurements) != ("height" in measurements):
        raise ValueError("width and height must come together")
    return measurements


type _Sentences = Annotated[str, Field(pattern=r"^[A-Za-z ,;.]{1,300}$")]
"""Plain sentences for users, without any character that another system could interpret."""


class Examined(BaseModel):
    """The content of `examined.json`, validated: a hostile file can put neither text nor impossible numbers into it."""

    model_config = ConfigDict(frozen=True)

    measurements: Annotated[dict[str, int | float], AfterValidator(_check_measurements)] = Field(default_factory=dict)
    timeline: Timeline = Timeline()
    frames_at_s: tuple[Annotated[float, Field(ge=0, le=_MAX_S)], ...] = Field(default=(), max_length=KEY_FRAMES)
    has_thumbnail: bool = False
    has_audio: bool = False
    is_audio_truncated: bool = False
    problem: _Sentences | None = None
    """A sentence for the user about parts that could not be decoded."""
    refusal: _Sentences | None = None
    """A sentence for the user about why the file cannot be decoded at all."""


def examine(path: Path, folder: Path, *, watch_budget_s: float, pictures_budget_s: float) -> Examined:
    """Decode a file: first the sound, then cuts within their budget, then pictures within theirs.

    Raises:
        UnreadableMedia: neither its pictures nor its sound can be decoded.
        HostFailure: this machine's disk failed.
        OSError: the results cannot be written.
    """
    problems: list[str] = []
    sound = _extract_sound(path, folder, problems)
    with open_media(path) as container:
        is_cut = is_cut_off(container, path)
    if is_cut:
        problems.append("The file is incomplete; its end is missing.")
    with open_media(path) as container:
        stream = pictures_of(container)
        watched = _watch(container, stream, problems, budget_s=watch_budget_s)
        if sound is None and (watched is None or watched.first is None):
            raise UnreadableMedia(problems[0] if problems else "The file contains neither pictures nor sound.")
        duration_s = _duration_s(claimed_duration_s(container), sound, watched, is_cut=is_cut)
        of_sound, timeline = _measure_sound(sound, folder, is_cut=is_cut)
        measurements = {"duration_s": duration_s} | of_sound
        frames_at_s: tuple[float, ...] = ()
        if stream is not None and watched is not None and watched.first is not None:
            measurements |= _picture_measurements(stream, watched, shown_size(watched.first, stream), is_cut=is_cut)
            timeline = timeline.model_copy(update=cuts_on_timeline(watched.cuts_s, watched_s=watched.until_s))
            # A cut-off file has no pictures after its last decoded frame.
            until_s = watched.until_s if is_cut else duration_s or watched.until_s
            frames_at_s = _write_pictures(container, stream, folder, until_s, pictures_budget_s)
    return Examined(
        measurements={
            name: round(value, 3)
            for name, value in measurements.items()
            if value is not None and _is_possible(name, value)
        },
        timeline=timeline,
        frames_at_s=frames_at_s,
        has_thumbnail=bool(frames_at_s),
        has_audio=sound is not None,
        is_audio_truncated=sound is not None and (is_cut or not sound.is_whole),
        problem=" ".join(problems) or None,
    )


def _extract_sound(path: Path, folder: Path, problems: list[str]) -> Sound | None:
    """Write the sound of the default track to `AUDIO`, or of the first track that is not silent.

    Returns:
        None if no track can be decoded.
    """
    chosen: Sound | None = None
    failures: list[str] = []
    for number in range(_MAX_TRACKS):
        with open_media(path) as container:
            streams, is_unreadable = sounds_of(container), has_unreadable_sound(container)
            if number >= len(streams):
                if is_unreadable:
                    failures.append("The sound is in a format that is not supported.")
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
) -> WatchedVideo | None:
    if stream is None:
        if has_unreadable_pictures(container):
            problems.append("The video is in a format that is not supported.")
        return None
    watched = watch(container, stream, budget_s=budget_s)
    if watched.first is None:
        problems.insert(0, "The video cannot be decoded.")
    elif watched.problem is not None:
        problems.append(watched.problem)
    return watched


def _duration_s(
    claimed_s: float | None, sound: Sound | None, watched: WatchedVideo | None, *, is_cut: bool
) -> float | None:
    if is_cut:
        reached_s = max(sound.duration_s if sound else 0.0, watched.until_s if watched else 0.0)
        return claimed_s if claimed_s is not None and claimed_s > reached_s + _MIN_MISSING_S else None
    ends_s = []
    if sound is not None and sound.is_whole:
        ends_s.append(sound.duration_s)
    if watched is not None and watched.is_whole:
        ends_s.append(watched.until_s)
    is_all_known = len(ends_s) == (sound is not None) + (watched is not None)
    known_s = max(ends_s, default=0.0)
    return known_s if is_all_known else claimed_s if claimed_s is not None and claimed_s >= known_s else known_s or None


def _measure_sound(sound: Sound | None, folder: Path, *, is_cut: bool) -> tuple[dict[str, float | None], Timeline]:
    """Return the measurements of the sound, and its levels."""
    if sound is None:
        return {}, Timeline()
    samples = read_samples(folder / AUDIO)
    return _sound_measurements(sound, samples, is_cut=is_cut), timeline_of_levels(samples)


def _sound_measurements(sound: Sound, samples: Samples, *, is_cut: bool) -> dict[str, float | None]:
    """Return the measurements of the sound. If only part of it was decoded, those of the whole are left out."""
    hook = {"hook_loudness_lufs": sound.hook_loudness_lufs}
    if is_cut or not sound.is_whole:
        return hook if sound.problem is None and sound.duration_s >= HOOK_S else {}
    return hook | {
        "loudness_lufs": sound.loudness_lufs,
        "silence_share": silence_share(samples),
    }


def _picture_measurements(
    stream: VideoStream, watched: WatchedVideo, size: tuple[int, int], *, is_cut: bool
) -> dict[str, int | float | None]:
    return {
        "width": size[0],
        "height": size[1],
        "fps": float(stream.average_rate) if stream.average_rate else None,
        "cut_count": len(watched.cuts_s) if watched.is_whole and not is_cut else None,
        "cuts_per_minute": len(watched.cuts_s) / watched.until_s * 60 if watched.until_s >= _MIN_CUT_RATE_S else None,
        "first_cut_s": watched.cuts_s[0] if watched.cuts_s else None,
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
    """Limit the resources of this process so that a hostile file cannot lift them, and end it with its parent.

    Programs that it starts cannot gain privileges. Source: Linux manual pages, "PR_SET_NO_NEW_PRIVS(2const)".
    """
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    # The soft limit ends the process with SIGXCPU, which distinguishes it from a kill by the machine.
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
    """Run with FILE FOLDER WATCH PICTURES CPU; the last three are budgets in s for cuts, pictures and CPU time."""
    file, folder, watch_s, pictures_s, cpu_s = arguments
    confine(int(cpu_s))
    isolate(Path(file), Path(folder))
    try:
        examined = examine(Path(file), Path(folder), watch_budget_s=float(watch_s), pictures_budget_s=float(pictures_s))
    except UnreadableMedia as exc:
        examined = Examined(refusal=str(exc))
    (Path(folder) / EXAMINED).write_text(examined.model_dump_json(), encoding="utf-8")


def run(arguments: list[str]) -> int:
    """Run `main` and return the exit status: `HOST_FAILED` if the disk failed, which is not a fault of the file."""
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
