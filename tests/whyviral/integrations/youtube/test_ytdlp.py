"""The bounds within which yt-dlp works."""

import traceback
from collections.abc import Iterator

import pytest

from tests.fixtures.bytes_server import Serve
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from tests.fixtures.youtube import GOOD_ID, add_video
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.youtube.ytdlp.session import YouTubeSession, open_session

PAGE = f"https://www.youtube.com/watch?v={GOOD_ID}"


@pytest.fixture
def session(local_endpoints: Endpoints) -> Iterator[YouTubeSession]:
    with open_session(proxy_url=None) as session:
        yield session


def failure(session: YouTubeSession, url: str, **limits: float) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        session.read(url, timeout_s=limits.get("timeout_s", 5.0), max_bytes=int(limits.get("max_bytes", 10**6)))
    return caught.value


def test_an_answer_of_exactly_the_limit_is_read(stand_ins: StandInsClient, session: YouTubeSession) -> None:
    add_video(stand_ins)
    body = session.read(PAGE, timeout_s=WAIT_S, max_bytes=10**6)

    assert session.read(PAGE, timeout_s=WAIT_S, max_bytes=len(body)) == body
    assert failure(session, PAGE, max_bytes=len(body) - 1).category is ErrorCategory.MEDIA_ERROR


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com.evil.example/",
        "https://evilyoutube.com/",
        "https://169.254.169.254/latest/meta-data/",
        "http://www.youtube.com/",
        "file:///etc/passwd",
        "https://www.youtube.com@evil.example/",
    ],
)
def test_only_hosts_of_youtube_are_asked(stand_ins: StandInsClient, session: YouTubeSession, url: str) -> None:
    assert failure(session, url).category is ErrorCategory.PROVIDER_ERROR
    assert stand_ins.calls("youtube") == []


@pytest.mark.parametrize(
    "target",
    [
        f"https://i.ytimg.com/vi/{GOOD_ID}/hqdefault.jpg",
        "http://www.youtube.com/elsewhere",
        "http://127.0.0.1:9/latest/meta-data/",
        "ftp://www.youtube.com/pub",
    ],
)
def test_no_redirect_leads_away_from_youtube(stand_ins: StandInsClient, session: YouTubeSession, target: str) -> None:
    add_video(stand_ins)
    stand_ins.fault("youtube", "status", status=302, headers={"Location": target}, path="/www/watch")

    error = failure(session, PAGE)

    assert (error.category, error.is_transient, error.status) == (ErrorCategory.PROVIDER_ERROR, True, None)
    assert session.status is None  # no host has answered that the redirect named
    assert stand_ins.calls("media") == []
    assert len(stand_ins.calls("youtube")) == 1


def test_a_redirect_within_youtube_is_followed(stand_ins: StandInsClient, session: YouTubeSession) -> None:
    add_video(stand_ins)
    stand_ins.fault("youtube", "status", status=302, headers={"Location": PAGE}, path="/www/watch", times=1)

    assert session.read(PAGE, timeout_s=WAIT_S, max_bytes=10**6).startswith(b"<!DOCTYPE html>")


def test_time_that_is_over_is_not_spent(stand_ins: StandInsClient, session: YouTubeSession) -> None:
    assert failure(session, PAGE, timeout_s=0).category is ErrorCategory.TIMEOUT
    assert stand_ins.calls("youtube") == []


def test_an_answer_that_takes_too_long_is_left(stand_ins: StandInsClient, session: YouTubeSession) -> None:
    stand_ins.fault("youtube", "timeout", path="/www/watch")

    assert failure(session, PAGE, timeout_s=0.3).category is ErrorCategory.TIMEOUT


def test_a_proxy_that_refuses_the_password_is_an_auth_error(local_endpoints: Endpoints, serve_bytes: Serve) -> None:
    endpoints.use(Endpoints())
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    proxy_url = serve_bytes(iter([refusal])).replace("//", "//me:sesame@")

    with open_session(proxy_url=proxy_url) as session:
        error = failure(session, PAGE)

    assert (error.category, error.is_transient) == (ErrorCategory.AUTH, False)
    assert "sesame" not in "".join(traceback.format_exception(error))


def test_failures_of_one_video_do_not_reach_the_next(stand_ins: StandInsClient, session: YouTubeSession) -> None:
    add_video(stand_ins)
    stand_ins.fault("youtube", "status", status=429, path="/www/youtubei/v1/player", times=1)

    with pytest.raises(ProviderError):
        session.extract(GOOD_ID, timeout_s=WAIT_S)
    info = session.extract(GOOD_ID, timeout_s=WAIT_S)

    assert info["id"] == GOOD_ID
    assert session.status == 200


def test_a_manifest_has_the_limit_of_a_page_and_not_of_a_file(
    stand_ins: StandInsClient, session: YouTubeSession
) -> None:
    add_video(stand_ins)
    url = f"https://manifest.googlevideo.com/api/manifest/hls_variant/id/{GOOD_ID}/file/index.m3u8"

    assert session.read(url, timeout_s=5, max_bytes=100) == b"#EXTM3U\n"
