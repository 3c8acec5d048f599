"""Detects the cuts of a video with PySceneDetect, on small pictures that we decode ourselves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from scenedetect import ContentDetector, FrameTimecode
from scenedetect.common import Timecode
from scenedetect.detector import FlashFilter

from .container import FFMPEG_ERRORS

_EDGE = 192
"""Longer side of the compared pictures. Cuts are as visible in small pictures as in large ones."""
_MIN_STEP_S = 1 / 31
"""Frames that follow sooner are skipped: a cut is as visible at 30 frames a second as at 60."""
_MIN_SCENE_S = 0.2
"""Shorter scenes are ignored, so that a flash does not count as two cuts."""


@dataclass(slots=True)
class WatchedVideo:
    """The part of a video that was decoded, from its start."""

    until_s: float = 0.0
    """The end of the last decoded frame."""
    is_whole: bool = False
    """Whether the video was decoded to its end, not just until the budget ran out or a frame was damaged."""
    problem: str | None = None
    cuts_s: list[float] = field(default_factory=list)
    first: VideoFrame | None = None


def watch(container: InputContainer, stream: VideoStream, *, budget_s: float) -> WatchedVideo:
    """Decode a stream from its start and detect its cuts. Stop after `budget_s` seconds of work."""
    detector = ContentDetector(min_scene_len=_MIN_SCENE_S, filter_mode=FlashFilter.Mode.SUPPRESS)
    watched = WatchedVideo()
    start_s = (container.start_time or 0) / av.time_base
    deadline_mono_s = time.monotonic() + budget_s
    compared_s = -1.0
    try:
        for frame in container.decode(stream):
            if frame.time is None or frame.time_base is None:
                continue
            at_s = max(frame.time - start_s, 0.0)
            watched.first = watched.first or frame
            watched.until_s = max(watched.until_s, at_s + _length_s(frame))
            if at_s - compared_s >= _MIN_STEP_S:
                compared_s = at_s
                watched.cuts_s += _new_cuts(detector, frame, start_s)
            if time.monotonic() > deadline_mono_s:
                return watched
    except FFMPEG_ERRORS:
        watched.problem = "The video is damaged; the part after the damage was not analysed."
        return watched
    watched.is_whole = True
    return watched


def _new_cuts(detector: ContentDetector, frame: VideoFrame, start_s: float) -> Iterator[float]:
    scale = min(1.0, _EDGE / max(frame.width, frame.height))
    width, height = (max(round(edge * scale), 2) for edge in (frame.width, frame.height))
    picture = frame.reformat(width=width, height=height, format="bgr24", interpolation="FAST_BILINEAR").to_ndarray()
    timecode = FrameTimecode(Timecode(pts=frame.pts or 0, time_base=frame.time_base), fps=30.0)
    for cut in detector.process_frame(timecode, picture):
        yield round(max(cut.seconds - start_s, 0.0), 3)


def _length_s(frame: VideoFrame) -> float:
    return float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
