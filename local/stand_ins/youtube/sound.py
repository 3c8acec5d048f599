"""The audio track of a video as a separate file, as on YouTube; nothing is decoded."""

from functools import lru_cache
from io import BytesIO

SOUND_ITAG = 140
"""YouTube's number for AAC in an MP4 file without pictures."""


@lru_cache(maxsize=32)
def sound_of(content: bytes) -> bytes | None:
    """Return the audio track of an MP4 file as an MP4 file; None if there is none or the file is not an MP4."""
    import av  # noqa: PLC0415 - slow to import, and few tests request a file

    output = BytesIO()
    try:
        with av.open(BytesIO(content), "r") as source:
            if not source.streams.audio:
                return None
            stream = source.streams.audio[0]
            with av.open(output, "w", format="mp4") as target:
                copy = target.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if packet.dts is not None:  # the last packet only marks the end
                        packet.stream = copy
                        target.mux(packet)
    except av.FFmpegError:
        return None
    return output.getvalue()
