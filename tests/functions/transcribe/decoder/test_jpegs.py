from pathlib import Path

import pytest

from functions.transcribe.decoder.container import UnreadableMedia
from functions.transcribe.decoder.examination import THUMBNAIL, examine, frame_name
from functions.transcribe.decoder.jpegs import check_jpeg
from local.stand_ins.scenario.posts import SAMPLES
from tests.functions.transcribe.conftest import WorkerBench, picture_of

PICTURE = picture_of(b"plain")
_SIZE_AT = PICTURE.index(b"\xff\xc0") + 5


def _sized(width: int, height: int) -> bytes:
    return PICTURE[:_SIZE_AT] + height.to_bytes(2) + width.to_bytes(2) + PICTURE[_SIZE_AT + 4 :]


def test_pictures_from_our_own_encoder_are_accepted(clip: Path, tmp_path: Path) -> None:
    examine(clip, tmp_path, watch_budget_s=30, pictures_budget_s=30)

    for name in (THUMBNAIL, frame_name(0), frame_name(7)):
        check_jpeg((tmp_path / name).read_bytes(), max_edge=320)


@pytest.mark.parametrize(("width", "height"), [(8, 8), (1, 768), (768, 1)])
def test_a_picture_size_within_the_limits_is_accepted(width: int, height: int) -> None:
    check_jpeg(_sized(width, height), max_edge=768)


_TRICKS = {
    "nothing": b"",
    "its start only": b"\xff\xd8\xff",
    "a page": b"<html><script>alert(1)</script></html>",
    "a PNG": (SAMPLES / "kite.png").read_bytes(),
    "a GIF": b"GIF89a" + bytes(100),
    "a page behind the start": b"\xff\xd8\xff" + b"<html></html>" * 10,
    "a page behind the end": PICTURE + b"<html></html>",
    "a zip behind the end": PICTURE + b"PK\x03\x04" + bytes(60),
    "two pictures": PICTURE + PICTURE,
    "an end that is missing": PICTURE[:-2],
    "a header that is cut": PICTURE[:40],
    "a long comment": picture_of(b"<script>" + b" " * 60),
    "notes of a camera": PICTURE[:2] + b"\xff\xe1\x00\x08Exif\0\0" + PICTURE[2:],
    "a progressive picture": PICTURE.replace(b"\xff\xc0", b"\xff\xc2", 1),
    "no size": PICTURE.replace(b"\xff\xc0", b"\xff\xfe", 1),
    "no width": _sized(0, 8),
    "no height": _sized(8, 0),
    "a pixel too wide": _sized(769, 8),
    "a pixel too high": _sized(8, 769),
    "a picture of gigabytes": _sized(65_535, 65_535),
    "a length of nothing": PICTURE[:2] + b"\xff\xe0\x00\x00" * 50,
    "another picture's header within": PICTURE[:-2] + b"\xff\xd8" + PICTURE[-2:],
}


@pytest.mark.parametrize("trick", _TRICKS)
def test_content_that_is_not_one_plain_jpeg_is_refused(trick: str) -> None:
    with pytest.raises(UnreadableMedia, match="cannot be decoded"):
        check_jpeg(_TRICKS[trick], max_edge=768)


@pytest.mark.parametrize("trick", ["a page", "a zip behind the end", "a picture of gigabytes"])
def test_a_refused_picture_is_not_published_and_the_transcript_stays(trick: str, worker: WorkerBench) -> None:
    job = worker.request(["hostile"])
    worker.decoder.leaves[b"hostile"] = {frame_name(1): _TRICKS[trick]}

    worker.process(job)

    (medium,) = worker.media()
    assert medium.error == {"category": "media_error", "message": "The file cannot be decoded."}
    assert (medium.transcript, medium.frames, medium.thumbnail_url) == ("Hello there.", None, None)
    assert medium.processed_at == worker.pipeline.clock()
    assert _TRICKS[trick] not in worker.store.files.values()
