"""Cuts of a video, found by PySceneDetect on small pictures that we decode ourselves."""

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
"""Longer side of the pictures that are compared: cuts show in small ones as well as in large ones."""
_MIN_STEP_S = 1 / 31
"""Frames that follow sooner are not compared: a cut is as visible at 30 pictures a second as at 60."""
_MIN_SCENE_S = 0.2
"""A flash is not two cuts."""


@dataclass(slots=True)
class Seen:
    """What was decoded of a video from its start."""

    until_s: float = 0.0
    """When the last decoded picture ends."""
    is_whole: bool = False
    """Whether the video ended there, and not the time budget or what can be decoded."""
    problem: str | None = None
    cuts_s: list[float] = field(default_factory=list)
    first: VideoFrame | None = None


def watch(container: InputContainer, stream: VideoStream, *, budget_s: float) -> Seen:
    """Decode a stream from its start and note the cuts; stop after `budget_s` seconds of work."""
    detector = ContentDetector(min_scene_len=_MIN_SCENE_S, filter_mode=FlashFilter.Mode.SUPPRESS)
    seen = Seen()
    start_s = (container.start_time or 0) / av.time_base
    give_up_at = time.monotonic() + budget_s
    compared_s = -1.0
    try:
        for frame in container.decode(stream):
            if frame.time is None or frame.time_base is None:
                continue
            at_s = max(frame.time - start_s, 0.0)
            seen.first = seen.first or frame
            seen.until_s = max(seen.until_s, at_s + _length_s(frame))
            if at_s - compared_s >= _MIN_STEP_S:
                compared_s = at_s
                seen.cuts_s += _new_cuts(detector, frame, start_s)
            if time.monotonic() > give_up_at:
                return seen
    except FFMPEG_ERRORS:
        seen.problem = "The pictures are damaged; what follows the damage was not seen."
        return seen
    seen.is_whole = True
    return seen


def _new_cuts(detector: ContentDetector, frame: VideoFrame, start_s: float) -> Iterator[float]:
    scale = min(1.0, _EDGE / max(frame.width, frame.height))
    width, height = (max(round(edge * scale), 2) for edge in (frame.width, frame.height))
    picture = frame.reformat(width=width, height=height, format="bgr24", interpolation="FAST_BILINEAR").to_ndarray()
    at = FrameTimecode(Timecode(pts=frame.pts or 0, time_base=frame.time_base), fps=30.0)
    for cut in detector.process_frame(at, picture):
        yield round(max(cut.seconds - start_s, 0.0), 3)


def _length_s(frame: VideoFrame) -> float:
    return float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
