"""Detects a file that is cut off: an interrupted download or upload, which ends before its own index says.

FFmpeg treats such an end as the end of the video. Only explicit statements of the file count: positions in its index,
the size of its segment, its duration. Sources: ISO/IEC 14496-12, 8.7; RFC 8794, section 11 (sizes of EBML elements);
RFC 3533, section 6 (Ogg's last page); the "Xing" and "VBRI" headers of MP3 as FFmpeg's mp3dec.c reads them.
"""

from io import BufferedReader
from pathlib import Path

import av
from av.container import InputContainer

from .container import FFMPEG_ERRORS, claimed_duration_s

_MAX_MISSING_S = 0.5
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_OGG_PAGE, _OGG_LAST, _OGG_TAIL_BYTES = b"OggS", 0x04, 66_000
"""Longer than one page, which has at most 65,307 bytes."""
_MP3_COUNTS = (b"Xing", b"Info", b"VBRI")
_MP3_HEAD_BYTES = 4096
_BYTE_BITS = 8
_UNKNOWN_RIFF = 0xFFFFFFFF


def is_cut_off(container: InputContainer, path: Path) -> bool:
    """Whether the end of the file is missing. Reads the packets of the container to their end."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        if container.format.name == "ogg":
            return not _ends_ogg(file, size_bytes)
        if max(_segment_end(file), _riff_end(file)) > size_bytes:
            return True
        states_duration = _states_duration(container, file)
    reached_s = _reached_s(container)
    if _indexed_end(container) > size_bytes:
        return True
    claimed_s = claimed_duration_s(container)
    return states_duration and claimed_s is not None and claimed_s - reached_s > _MAX_MISSING_S


def _indexed_end(container: InputContainer) -> int:
    """Return the end of the last packet in the index, as an offset in bytes; 0 without an index."""
    return max((entry.pos + entry.size for stream in container.streams for entry in stream.index_entries), default=0)


def _states_duration(container: InputContainer, file: BufferedReader) -> bool:
    """Whether the file itself states its duration. For formats without one, FFmpeg estimates it.

    The duration of an MP4 with an index does not count, because the index is more exact.
    """
    name = container.format.name
    if name == "mp3":
        return _states_frame_count(file)
    has_index = any(stream.frames for stream in container.streams)
    return name != "aac" and not (name.startswith("mov") and has_index)


def _reached_s(container: InputContainer) -> float:
    """Return the end of the last packet, in seconds from the start. An unstated duration counts as the last gap."""
    start_s = (container.start_time or 0) / av.time_base
    ends_s, last_s = 0.0, dict[int, float]()
    try:
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None:
                continue
            at_s = float(packet.pts * packet.time_base) - start_s
            gap_s = at_s - last_s.get(packet.stream_index, at_s)
            last_s[packet.stream_index] = at_s
            ends_s = max(ends_s, at_s + (float(packet.duration * packet.time_base) if packet.duration else gap_s))
    except FFMPEG_ERRORS:
        pass  # packets that cannot be read count as missing
    return ends_s


def _states_frame_count(file: BufferedReader) -> bool:
    """Whether an MP3 states its number of frames. A tag of any length may precede its first frame."""
    file.seek(0)
    tag = file.read(10)
    length = 0
    if tag.startswith(b"ID3"):
        for byte in tag[6:10]:
            length = length << 7 | byte & 0x7F
        length += len(tag)
    file.seek(length)
    head = file.read(_MP3_HEAD_BYTES)
    return any(name in head for name in _MP3_COUNTS)


def _segment_end(file: BufferedReader) -> int:
    """Return the end of the first segment of a Matroska file, as an offset in bytes; 0 if it is not stated."""
    file.seek(0)
    if file.read(4) != _EBML:
        return 0
    length = _ebml_size(file)
    if length is None:
        return 0
    file.seek(length, 1)
    if file.read(4) != _SEGMENT:
        return 0
    length = _ebml_size(file)
    return 0 if length is None else file.tell() + length


def _riff_end(file: BufferedReader) -> int:
    """Return the end of a WAV file, as an offset in bytes; 0 if unstated, as in a stream that was written live."""
    file.seek(0)
    head = file.read(8)
    size = int.from_bytes(head[4:], "little")
    return size + len(head) if head.startswith(b"RIFF") and size != _UNKNOWN_RIFF else 0


def _ebml_size(file: BufferedReader) -> int | None:
    """Read the size of an element whose id has been read; None if the size is unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = _BYTE_BITS + 1 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1)) & ((1 << 7 * length) - 1)
    return None if value == (1 << 7 * length) - 1 else value


def _ends_ogg(file: BufferedReader, size_bytes: int) -> bool:
    """Whether the last page is complete and marked as the last one."""
    file.seek(max(size_bytes - _OGG_TAIL_BYTES, 0))
    tail = file.read()
    at = tail.rfind(_OGG_PAGE)
    page = tail[at:]
    if at < 0 or len(page) < 27 or not page[5] & _OGG_LAST:  # noqa: PLR2004 - the header without its table
        return False
    table = page[27 : 27 + page[26]]
    return len(page) >= 27 + page[26] + sum(table)
