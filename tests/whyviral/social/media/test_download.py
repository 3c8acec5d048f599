"""The real downloader over real sockets, against the stand-in's media hosts and against misbehaving servers."""

import base64
import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from local.stand_ins.scenario.posts import SAMPLES
from tests.fixtures.bytes_server import Serve
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.http.ssrf_guard import GuardedHttp
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.media import download as media_download
from whyviral.social.media.download import Downloaded, Downloader, MediaRefused
from whyviral.social.media.file_types import JPEG, MP4, PNG
from whyviral.social.platforms import Platform

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PICTURE = (SAMPLES / "kite.png").read_bytes()
VIDEO = (SAMPLES / "tweet-spoken.mp4").read_bytes()
PHOTO_URL = "https://pbs.twimg.com/media/a.jpg"
JPEG_START = b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"\0" * 80


def refuses(_host: str, _port: int) -> list[str]:
    raise AssertionError("the network was asked")


@pytest.fixture
def downloader(stand_ins: StandInsClient) -> Downloader:
    return Downloader(GuardedHttp(resolve=refuses), gateway_url=f"{stand_ins.base_url}/media")


def get(downloader: Downloader, url: str, into: io.BytesIO | None = None, **fields: Any) -> Downloaded:
    plain: dict[str, Any] = {
        "platform": Platform.X,
        "kind": MediaKind.IMAGE,
        "is_stand_in": True,
        "now": NOW,
        "ends_at": time.monotonic() + WAIT_S,
    }
    return downloader.download(url, into or io.BytesIO(), **plain | fields)


def refusal(downloader: Downloader, url: str, **fields: Any) -> tuple[str, str]:
    with pytest.raises(MediaRefused) as refused:
        get(downloader, url, **fields)
    return refused.value.failure.category, refused.value.failure.message


def answer(stand_ins: StandInsClient, body: bytes, *, url: str = PHOTO_URL, **fields: Any) -> None:
    address = url.removeprefix("https://").partition("?")[0]
    stand_ins.control("media", {"address": address, "body": body.decode("latin-1"), **fields})


def test_a_downloaded_photo_is_written_hashed_and_measured(stand_ins: StandInsClient, downloader: Downloader) -> None:
    answer(stand_ins, PICTURE, url="https://pbs.twimg.com/media/kite.png")
    into = io.BytesIO()

    found = get(downloader, "https://pbs.twimg.com/media/kite.png?format=png&name=orig", into)

    assert found == Downloaded(PNG, hashlib.sha256(PICTURE).hexdigest(), len(PICTURE), (320, 240))
    assert into.getvalue() == PICTURE


def test_a_sample_video_is_downloaded_from_the_url_in_its_tweet(
    stand_ins: StandInsClient, downloader: Downloader
) -> None:
    content = base64.b64encode(VIDEO).decode()
    stand_ins.add_post(id="123", media=[{"kind": "video", "filename": "a.mp4", "file_base64": content}])
    path = f"amplify_video/{hashlib.sha256(VIDEO).hexdigest()[:15]}.mp4"

    found = get(downloader, f"https://video.twimg.com/{path}?tag=21", kind=MediaKind.VIDEO)

    assert (found.type, found.size_bytes, found.size) == (MP4, len(VIDEO), None)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (404, b"", "The platform no longer has this file."),
        (410, b"", "The platform no longer has this file."),
        (
            403,
            b"URL signature expired",
            "The platform's link to this file has expired; the post must be fetched again.",
        ),
        (
            403,
            b"URL signature mismatch",
            "The platform's link to this file has expired; the post must be fetched again.",
        ),
        (403, b"Bad URL hash", "The platform's link to this file has expired; the post must be fetched again."),
        (403, b"Bad URL timestamp", "The platform's link to this file has expired; the post must be fetched again."),
        (403, b"", "The platform's media host refused to send this file."),
        (401, b"", "The platform's media host refused to send this file."),
        (206, JPEG_START, "The platform's media host refused to send this file."),
        (204, b"", "The platform's media host refused to send this file."),
        (429, b"", "The platform's media host could not be reached; try again later."),
        (500, b"", "The platform's media host could not be reached; try again later."),
        (503, b"", "The platform's media host could not be reached; try again later."),
    ],
)
def test_an_error_status_of_a_media_host_has_its_own_message(
    stand_ins: StandInsClient, downloader: Downloader, status: int, body: bytes, message: str
) -> None:
    answer(stand_ins, body, status=status)

    category = ErrorCategory.PROVIDER_ERROR if status in (429, 500, 503) else ErrorCategory.MEDIA_ERROR
    assert refusal(downloader, PHOTO_URL) == (category, message)


@pytest.mark.parametrize(
    ("url", "status", "is_link_dead"),
    [
        (PHOTO_URL, 403, True),
        (PHOTO_URL, 404, False),
        ("https://scontent.cdninstagram.com/v/1.jpg?oe=00000001", 200, True),
    ],
)
def test_only_an_expired_media_link_is_reported_as_dead(
    stand_ins: StandInsClient, downloader: Downloader, url: str, status: int, is_link_dead: bool
) -> None:
    answer(stand_ins, b"URL signature expired", url=url, status=status)

    with pytest.raises(MediaRefused) as refused:
        get(downloader, url, platform=Platform.INSTAGRAM if "instagram" in url else Platform.X)

    assert refused.value.failure.is_link_dead is is_link_dead


def test_an_expired_media_link_is_not_requested(stand_ins: StandInsClient, downloader: Downloader) -> None:
    url = "https://scontent.cdninstagram.com/v/t51/1.jpg?oh=00_x&oe={:X}"
    in_time = url.format(int(NOW.timestamp()) + 1)
    answer(stand_ins, JPEG_START, url=in_time)

    category, message = refusal(downloader, url.format(int(NOW.timestamp())), platform=Platform.INSTAGRAM)

    assert (category, "must be fetched again" in message) == (ErrorCategory.MEDIA_ERROR, True)
    assert stand_ins.calls("media") == []
    assert get(downloader, in_time, platform=Platform.INSTAGRAM).type == JPEG


def test_a_link_that_expires_before_the_request_is_rejected_by_the_stand_in(
    stand_ins: StandInsClient, downloader: Downloader
) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)

    _, message = refusal(
        downloader,
        "https://scontent.cdninstagram.com/v/1.jpg?oe=69BD2DFE",
        platform=Platform.INSTAGRAM,
        now=long_ago,
    )

    assert "has expired" in message
    assert [call["status"] for call in stand_ins.calls("media")] == [403]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_media_host_of_the_platform_is_followed(
    stand_ins: StandInsClient, downloader: Downloader, status: int
) -> None:
    answer(stand_ins, b"", status=status, headers={"Location": "https://ton.twimg.com/x/b.jpg?a=1"})
    answer(stand_ins, b"", url="https://ton.twimg.com/x/b.jpg", status=302, headers={"Location": "../c.jpg"})
    answer(stand_ins, JPEG_START, url="https://ton.twimg.com/c.jpg")

    assert get(downloader, PHOTO_URL).type == JPEG


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/a.jpg",
        "http://pbs.twimg.com/a.jpg",
        "//evil.example/a.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "https://pbs.twimg.com@evil.example/",
        "https://pbs.twimg.com:8443/a.jpg",
        "file:///etc/passwd",
        "https://[::1/",
        "https://[::1]/",
        "data:image/png;base64,AAAA",
    ],
)
def test_a_redirect_to_another_host_is_not_followed(
    stand_ins: StandInsClient, downloader: Downloader, location: str
) -> None:
    answer(stand_ins, b"", status=302, headers={"Location": location})

    assert refusal(downloader, PHOTO_URL)[1] == "This file is not on one of the platform's media hosts."
    assert len(stand_ins.calls("media")) == 1


def test_a_redirect_loop_ends_with_an_error(stand_ins: StandInsClient, downloader: Downloader) -> None:
    answer(stand_ins, b"", status=302, headers={"Location": PHOTO_URL})

    assert refusal(downloader, PHOTO_URL)[1] == "The platform's media host refused to send this file."
    assert len(stand_ins.calls("media")) == 4


@pytest.mark.parametrize(
    ("kind", "body", "what"),
    [
        (MediaKind.IMAGE, b"<!DOCTYPE html><html>" + b" " * 100, "a picture"),
        (MediaKind.IMAGE, VIDEO[:1000], "a picture"),
        (MediaKind.IMAGE, b"", "a picture"),
        (MediaKind.IMAGE, b"<svg xmlns='http://www.w3.org/2000/svg'>" + b" " * 100, "a picture"),
        (MediaKind.THUMBNAIL, b"%PDF-1.7" + b" " * 100, "a picture"),
        (MediaKind.IMAGE, b"PK\x03\x04" + b"\0" * 100, "a picture"),
        (MediaKind.IMAGE, b"\x1f\x8b\x08" + b"\0" * 100, "a picture"),
        (MediaKind.IMAGE, b"\xef\xbb\xbf<html>" + b" " * 100, "a picture"),
        (MediaKind.IMAGE, b" " + JPEG_START, "a picture"),
        (MediaKind.IMAGE, b"<?xml version='1.0'?><svg/>" + b" " * 100, "a picture"),
        (MediaKind.VIDEO, b"ffconcat version 1.0\nfile /etc/passwd\n" + b"#" * 100, "a video"),
        (MediaKind.VIDEO, b"<?xml version='1.0'?><MPD>" + b" " * 100, "a video"),
        (MediaKind.VIDEO, b"\0\0\x01\xba" + b"\0" * 100, "a video"),
        (MediaKind.VIDEO, JPEG_START, "a video"),
        (MediaKind.VIDEO, b"ID3\x04" + b"\0" * 100, "a video"),
        (MediaKind.VIDEO, b"#EXTM3U\n" + b"#" * 100, "a video"),
    ],
)
def test_a_file_of_the_wrong_kind_is_rejected_despite_its_content_type(
    stand_ins: StandInsClient, downloader: Downloader, kind: MediaKind, body: bytes, what: str
) -> None:
    answer(stand_ins, body, headers={"Content-Type": "image/jpeg" if what == "a picture" else "video/mp4"})

    message = f"The file that the platform sent is not {what}."
    assert refusal(downloader, PHOTO_URL, kind=kind) == (ErrorCategory.MEDIA_ERROR, message)


def test_a_file_of_the_wrong_type_is_rejected_after_its_first_bytes(
    stand_ins: StandInsClient, downloader: Downloader
) -> None:
    answer(stand_ins, b"<html>" + b" " * 60_000, repeat=10_000)
    into = io.BytesIO()

    with pytest.raises(MediaRefused):
        get(downloader, PHOTO_URL, into)

    assert into.getvalue() == b""


@pytest.mark.parametrize("start", [b"GIF89a\x10\0\x10\0", b"\xff\xd8\xff\xe0"])
def test_a_picture_that_contains_html_is_stored_as_a_picture(
    stand_ins: StandInsClient, downloader: Downloader, start: bytes
) -> None:
    answer(stand_ins, start + b"/*<html><script>alert(1)</script>*/" * 5, headers={"Content-Type": "text/html"})

    assert get(downloader, PHOTO_URL).type.is_image


def test_a_picture_with_too_many_pixels_is_rejected(stand_ins: StandInsClient, downloader: Downloader) -> None:
    answer(stand_ins, PICTURE[:16] + b"\0\1\0\0" * 2 + PICTURE[24:])

    assert refusal(downloader, PHOTO_URL)[1] == "This picture has more than 100 million pixels."


def test_a_compressed_response_of_a_media_host_is_rejected(stand_ins: StandInsClient, downloader: Downloader) -> None:
    answer(stand_ins, JPEG_START, headers={"Content-Encoding": "gzip"})

    assert refusal(downloader, PHOTO_URL)[1] == "The platform's media host refused to send this file."


@pytest.mark.parametrize("over", [0, 1])
def test_the_size_limit_counts_received_bytes_and_not_the_content_length(
    stand_ins: StandInsClient, downloader: Downloader, monkeypatch: pytest.MonkeyPatch, over: int
) -> None:
    monkeypatch.setattr(media_download, "MAX_IMAGE_BYTES", 10 * len(JPEG_START) - over)
    answer(stand_ins, JPEG_START, repeat=10)

    if over:
        assert "is larger than" in refusal(downloader, PHOTO_URL)[1]
    else:
        assert get(downloader, PHOTO_URL).size_bytes == 10 * len(JPEG_START)


def serving(downloader: Downloader, base_url: str) -> Downloader:
    return replace(downloader, gateway_url=base_url)


def test_a_content_length_over_the_limit_is_rejected_before_the_body_is_read(
    downloader: Downloader, serve_bytes: Serve
) -> None:
    pieces = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + JPEG_START])
    into = io.BytesIO()

    with pytest.raises(MediaRefused, match="larger than 25 MB"):
        get(serving(downloader, serve_bytes(pieces)), PHOTO_URL, into)

    assert into.getvalue() == b""


def test_an_endless_body_stops_at_the_size_limit(
    downloader: Downloader, serve_bytes: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n" + JPEG_START
        while True:
            yield b"x" * 65_536

    monkeypatch.setattr(media_download, "MAX_IMAGE_BYTES", 1_000_000)

    assert "is larger than" in refusal(serving(downloader, serve_bytes(endless())), PHOTO_URL)[1]


def test_a_body_shorter_than_its_content_length_is_rejected(downloader: Downloader, serve_bytes: Serve) -> None:
    pieces = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + JPEG_START])

    assert "could not be reached" in refusal(serving(downloader, serve_bytes(pieces)), PHOTO_URL)[1]


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n" + JPEG_START])
def test_a_slow_download_ends_at_its_deadline(downloader: Downloader, serve_bytes: Serve, start: bytes) -> None:
    def drip() -> Iterator[bytes]:
        yield start
        while True:
            time.sleep(0.02)
            yield b"x"

    hurried = serving(downloader, serve_bytes(drip()))

    category, message = refusal(hurried, PHOTO_URL, ends_at=time.monotonic() + 0.3)

    assert (category, "took too long" in message) == (ErrorCategory.TIMEOUT, True)


@pytest.mark.parametrize(
    ("mode", "seconds", "category"),
    [("disconnect", WAIT_S, ErrorCategory.PROVIDER_ERROR), ("timeout", 0.3, ErrorCategory.TIMEOUT)],
)
def test_an_unreachable_media_host_gives_a_message_for_the_user(
    stand_ins: StandInsClient, downloader: Downloader, mode: str, seconds: float, category: ErrorCategory
) -> None:
    stand_ins.fault("media", mode)

    assert refusal(downloader, PHOTO_URL, ends_at=time.monotonic() + seconds)[0] == category


def test_media_of_a_stand_in_post_are_rejected_without_a_gateway(downloader: Downloader) -> None:
    deployed = replace(downloader, gateway_url=None)

    assert "not on one of" in refusal(deployed, PHOTO_URL)[1]
