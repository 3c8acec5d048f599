"""Mutated and hostile media files in the real decoder: no crash, no connection, bounded memory and disk.

PROOF_SCALE=1 plays all mutations, CI a tenth; the hostile files are always played.
"""

import random
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from functions.transcribe.deadline import Deadline
from functions.transcribe.decoder.container import UnreadableMedia
from functions.transcribe.decoder.examination import MAX_MEMORY_BYTES
from functions.transcribe.decoder.isolated_decoder import decode
from tests.fixtures.proof_scale import seeds

pytestmark = pytest.mark.proof

_MAX_LEFT_BYTES = 50_000_000
"""Sound of a few seconds and nine pictures; the input is far smaller."""
_TIME_S = 200.0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that no decoder may reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def _mutated(content: bytes, seed: int) -> bytes:
    """Flip bytes, repeat or cut out a part, or write a size that cannot be, by a seed."""
    chance = random.Random(seed)
    mutated = bytearray(content)
    for _ in range(chance.choice([1, 4, 64])):
        at, length = chance.randrange(len(mutated)), chance.choice([1, 4, 400])
        match chance.randrange(4):
            case 0:
                mutated[at : at + length] = chance.randbytes(length)
            case 1:
                mutated[at:at] = mutated[at : at + length]
            case 2:
                del mutated[at : at + length]
            case _:
                mutated[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
    return bytes(mutated)


def _decode(path: Path, listener: socket.socket) -> None:
    """Decode a file; a crash of the decoder raises `HostFailure` and fails the test."""
    with suppress(UnreadableMedia):
        decode(path, path.parent, deadline=Deadline(_TIME_S))
    with pytest.raises(BlockingIOError):
        listener.accept()
    left = sum(entry.stat().st_size for entry in path.parent.iterdir())
    assert left <= _MAX_LEFT_BYTES
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 <= MAX_MEMORY_BYTES


@pytest.mark.parametrize("seed", seeds(50))
def test_a_mutated_file_is_decoded_or_refused(seed: int, clip: Path, tmp_path: Path, listener: socket.socket) -> None:
    path = tmp_path / "medium"
    path.write_bytes(_mutated(clip.read_bytes(), seed))

    _decode(path, listener)


def _box(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + name + content


def _nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = _box(b"moov", content)
    return content


def _wav(claimed_bytes: int, rate: int) -> bytes:
    sound = struct.pack("<HHIIHH", 1, 65_535, rate, 0xFFFFFFFF, 65_535, 16)
    size = struct.pack("<I", claimed_bytes)
    return b"RIFF" + size + b"WAVEfmt " + struct.pack("<I", len(sound)) + sound + b"data" + size + b"\0" * 64


_FTYP = _box(b"ftyp", b"isom\0\0\2\0isommp42")
_HOSTILE = {
    "an HLS playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%(url)s/piece.ts\n#EXT-X-ENDLIST\n",
    "an HLS playlist of local files": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
    "an HLS playlist with a key": b'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="%(url)s/key"\n#EXTINF:1,\npiece.ts\n',
    "a DASH manifest": b'<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation><BaseURL>%(url)s/'
    b"</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "a list of files": b"ffconcat version 1.0\nfile %(url)s/a.mp4\nfile /etc/passwd\n",
    "a session description": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    "a movie whose data lie elsewhere": _FTYP
    + _box(b"moov", _box(b"dinf", _box(b"dref", b"\0\0\0\0\0\0\0\1", _box(b"url ", b"\0\0\0\0%(url)s\0")))),
    "boxes in boxes": _FTYP + _nested(20_000),
    "a box without end": _FTYP + b"\0\0\0\1moov" + b"\x7f" + b"\xff" * 7 + b"\0" * 64,
    "sound of 4 GB in 64 bytes": _wav(0xFFFFFFF0, 0x7FFFFFFF),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_file_is_decoded_or_refused(name: str, tmp_path: Path, listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}".encode()
    path = tmp_path / "medium"
    path.write_bytes(_HOSTILE[name].replace(b"%(url)s", url))

    _decode(path, listener)
