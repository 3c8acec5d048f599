"""Pictures of a video as small JPEGs: key frames for the model, a thumbnail for people."""

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
"""Where the first key frame is: within the hook, and after a black or fading-in start."""
_MAX_DECODED_A_SEEK = 600
_SEEK_MARGINS_S = (0.0, 10.0)
"""A seek goes by decoding order: the key frame that it finds may be shown after the time that was sought."""
_MATRIX = struct.Struct("=9i")
_QUALITY = 5
"""Of FFmpeg's 2 (best) to 31: some 20 kB for a thumbnail."""
MAX_EDGE = math.isqrt(MAX_PIXELS) * 2
"""Of a picture as it is shown."""
_PLAIN_DEVIATION = 6.0
"""Standard deviation of the brightness, 0 to 255, below which a picture shows nothing."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A picture of the video at `at_s`."""

    at_s: float
    picture: VideoFrame


@dataclass(frozen=True, slots=True)
class Orientation:
    """How decoded pixels become the picture that a player shows: first transposed, then flipped."""

    is_transposed: bool = False
    is_flipped_horizontally: bool = False
    is_flipped_vertically: bool = False

    def apply(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return rows of pixels as they are shown."""
        shown = pixels.swapaxes(0, 1) if self.is_transposed else pixels
        shown = shown[:, ::-1] if self.is_flipped_horizontally else shown
        return np.ascontiguousarray(shown[::-1] if self.is_flipped_vertically else shown)


def orientation_of(frame: VideoFrame) -> Orientation:
    """Return the nearest of the eight upright orientations to the frame's display matrix, mirrored ones included.

    The matrix maps a pixel (x, y) to (ax + cy, bx + dy). Source: ISO/IEC 14496-12, 6.2.2; FFmpeg, libavutil/display.h.
    """
    # PyAV's stubs say that side data have names for keys; they have types.
    matrix = cast("Any", frame.side_data).get(SideData.DISPLAYMATRIX)
    if matrix is None or matrix.buffer_size < _MATRIX.size:
        return Orientation()
    a, b, _, c, d, *_ = _MATRIX.unpack_from(bytes(matrix))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def shown_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Return width and height as a player shows the frame: square pixels, turned as the file says."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width = round(frame.width * aspect) if 0 < aspect < MAX_EDGE else frame.width
    width = min(max(width, 1), MAX_EDGE)
    return (frame.height, width) if orientation_of(frame).is_transposed else (width, frame.height)


def key_frame_times(duration_s: float) -> list[float]:
    """Return when to look: evenly over the video, the first time within the hook."""
    step = duration_s / KEY_FRAMES
    times = [min(FIRST_FRAME_S, step / 2)] + [step * number for number in range(1, KEY_FRAMES)]
    return [round(time, 3) for time in times]


def key_frames(
    container: InputContainer, stream: VideoStream, times_s: Sequence[float], *, budget_s: float
) -> list[KeyFrame]:
    """Return the pictures shown at these times; a time that cannot be decoded is left out, and so is a repetition.

    After `budget_s` seconds of work it ends with what it has: one picture at least, where one can be decoded.
    """
    found: list[KeyFrame] = []
    give_up_at = monotonic() + budget_s
    for time_s in times_s:
        if found and monotonic() > give_up_at:
            break
        try:
            frame = _frame_at(container, stream, time_s, give_up_at=give_up_at)
        except FFMPEG_ERRORS:
            continue
        if frame is not None and (not found or frame.time != found[-1].picture.time):
            start_s = (container.start_time or 0) / av.time_base
            found.append(KeyFrame(round(max((frame.time or 0.0) - start_s, 0.0), 3), frame))
    return found


def thumbnail_of(frames: Sequence[KeyFrame]) -> VideoFrame:
    """Return the first picture that shows something."""
    for frame in frames:
        brightness = frame.picture.reformat(width=64, height=64, format="gray").to_ndarray()
        if float(np.std(brightness)) >= _PLAIN_DEVIATION:
            return frame.picture
    return frames[0].picture


def jpeg(frame: VideoFrame, size: tuple[int, int], *, long_edge: int) -> bytes:
    """Return a frame as it is shown, no larger than `long_edge`, as a JPEG.

    Args:
        frame: the picture as decoded.
        size: what `shown_size` says of it.
        long_edge: pixels of the longer side; a smaller picture keeps its size.
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


def _frame_at(container: InputContainer, stream: VideoStream, time_s: float, *, give_up_at: float) -> VideoFrame | None:
    """Return the frame that is on screen at a time: the last one that begins at or before it.

    A video whose first frame comes later shows that frame. Where the budget ends, it is the last frame decoded.
    """
    target_s = time_s + (container.start_time or 0) / av.time_base
    frame = None
    for margin_s in _SEEK_MARGINS_S:
        container.seek(max(round((target_s - margin_s) * av.time_base), container.start_time or 0), backward=True)
        frame = _last_before(container, stream, target_s, give_up_at=give_up_at)
        if frame is None or frame.time is None or frame.time <= target_s:
            break
    return frame


def _last_before(
    container: InputContainer, stream: VideoStream, target_s: float, *, give_up_at: float
) -> VideoFrame | None:
    last: VideoFrame | None = None
    for number, frame in enumerate(container.decode(stream)):
        if frame.pts is not None and frame.time > target_s:
            return last or frame
        last = frame
        if number >= _MAX_DECODED_A_SEEK or monotonic() > give_up_at:
            break
    return last
