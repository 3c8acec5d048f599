"""Extracts pictures of a video as small JPEGs: key frames for the model and a thumbnail for people."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from time import monotonic
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideData
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from .container import FFMPEG_ERRORS, MAX_PIXELS

KEY_FRAMES = 8
KEY_FRAME_EDGE = 768
THUMBNAIL_EDGE = 480
FIRST_FRAME_S = 0.5
"""The time of the first key frame: within the hook, and after a start that is black or fades in."""
_MAX_FRAMES_PER_SEEK = 600
_SEEK_MARGINS_S = (0.0, 10.0)
"""How much earlier to seek. A seek follows decoding order and may find a key frame that is shown after the target."""
_MATRIX = struct.Struct("=9i")
_QUALITY = 5
"""On FFmpeg's scale from 2 (best) to 31; gives about 20 kB for a thumbnail."""
MAX_EDGE = math.isqrt(MAX_PIXELS) * 2
"""The maximum edge of a picture as displayed."""
_MIN_BRIGHTNESS_DEVIATION = 6.0
"""Standard deviation of the brightness, 0 to 255. A picture below it is plain."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A picture of the video at `at_s`."""

    at_s: float
    picture: VideoFrame


@dataclass(frozen=True, slots=True)
class Orientation:
    """The change from decoded pixels to the displayed picture: first transposed, then flipped."""

    is_transposed: bool = False
    is_flipped_horizontally: bool = False
    is_flipped_vertically: bool = False

    def apply(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the rows of pixels as displayed."""
        shown = pixels.swapaxes(0, 1) if self.is_transposed else pixels
        shown = shown[:, ::-1] if self.is_flipped_horizontally else shown
        return np.ascontiguousarray(shown[::-1] if self.is_flipped_vertically else shown)


def orientation_of(frame: VideoFrame) -> Orientation:
    """Return the upright orientation, of eight with the mirrored ones, that is nearest to the frame's display matrix.

    The matrix maps a pixel (x, y) to (ax + cy, bx + dy). Source: ISO/IEC 14496-12, 6.2.2; FFmpeg, libavutil/display.h.
    """
    # According to PyAV's stubs the keys of side data are names, but they are types.
    matrix = cast("Any", frame.side_data).get(SideData.DISPLAYMATRIX)
    if matrix is None or matrix.buffer_size < _MATRIX.size:
        return Orientation()
    a, b, _, c, d, *_ = _MATRIX.unpack_from(bytes(matrix))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def shown_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Return width and height as a player displays the frame: square pixels, rotated as the file says."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width = round(frame.width * aspect) if 0 < aspect < MAX_EDGE else frame.width
    width = min(max(width, 1), MAX_EDGE)
    return (frame.height, width) if orientation_of(frame).is_transposed else (width, frame.height)


def key_frame_times(duration_s: float) -> list[float]:
    """Return the times of the key frames: evenly spaced, the first one within the hook."""
    step = duration_s / KEY_FRAMES
    times = [min(FIRST_FRAME_S, step / 2)] + [step * number for number in range(1, KEY_FRAMES)]
    return [round(time, 3) for time in times]


def key_frames(
    container: InputContainer, stream: VideoStream, times_s: Sequence[float], *, budget_s: float
) -> list[KeyFrame]:
    """Return the pictures shown at these times. Times that cannot be decoded and repeated pictures are left out.

    Stops after `budget_s` seconds of work, but not before the first picture that can be decoded.
    """
    found: list[KeyFrame] = []
    deadline_mono_s = monotonic() + budget_s
    for time_s in times_s:
        if found and monotonic() > deadline_mono_s:
            break
        try:
            frame = _frame_at(container, stream, time_s, deadline_mono_s=deadline_mono_s)
        except FFMPEG_ERRORS:
            continue
        if frame is not None and (not found or frame.time != found[-1].picture.time):
            start_s = (container.start_time or 0) / av.time_base
            found.append(KeyFrame(round(max((frame.time or 0.0) - start_s, 0.0), 3), frame))
    return found


def thumbnail_of(frames: Sequence[KeyFrame]) -> VideoFrame:
    """Return the first picture that is not plain, or the first one if all are."""
    for frame in frames:
        brightness = frame.picture.reformat(width=64, height=64, format="gray").to_ndarray()
        if float(np.std(brightness)) >= _MIN_BRIGHTNESS_DEVIATION:
            return frame.picture
    return frames[0].picture


def jpeg(frame: VideoFrame, size: tuple[int, int], *, long_edge: int) -> bytes:
    """Return a frame as displayed, as a JPEG no larger than `long_edge`.

    Args:
        frame: the picture as decoded.
        size: its `shown_size`.
        long_edge: the maximum length of the longer side in pixels. A smaller picture keeps its size.
    """
    scale = min(1.0, long_edge / max(size))
    width, height = (max(round(edge * scale), 1) for edge in size)
    orientation = orientation_of(frame)
    if orientation.is_transposed:
        width, height = height, width
    pixels = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_ndarray()
    upright = VideoFrame.from_ndarray(orientation.apply(pixels), format="rgb24")
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = upright.width, upright.height
    encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 25)
    encoder.options = {"qmin": str(_QUALITY), "qmax": str(_QUALITY)}
    upright = upright.reformat(format="yuvj420p")
    upright.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(upright), *encoder.encode(None)))


def _frame_at(
    container: InputContainer, stream: VideoStream, time_s: float, *, deadline_mono_s: float
) -> VideoFrame | None:
    """Return the frame that is on screen at a time: the last one that begins at or before it.

    If the first frame comes later, returns that frame. If the budget runs out, returns the last decoded frame.
    """
    target_s = time_s + (container.start_time or 0) / av.time_base
    frame = None
    for margin_s in _SEEK_MARGINS_S:
        container.seek(max(round((target_s - margin_s) * av.time_base), container.start_time or 0), backward=True)
        frame = _last_before(container, stream, target_s, deadline_mono_s=deadline_mono_s)
        if frame is None or frame.time is None or frame.time <= target_s:
            break
    return frame


def _last_before(
    container: InputContainer, stream: VideoStream, target_s: float, *, deadline_mono_s: float
) -> VideoFrame | None:
    last: VideoFrame | None = None
    for number, frame in enumerate(container.decode(stream)):
        if frame.pts is not None and frame.time > target_s:
            return last or frame
        last = frame
        if number >= _MAX_FRAMES_PER_SEEK or monotonic() > deadline_mono_s:
            break
    return last
