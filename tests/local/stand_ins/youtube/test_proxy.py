import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from tests.fixtures.youtube import GOOD_ID, add_video


@pytest.fixture
def browser(stand_ins: StandInsClient) -> Iterator[httpx.Client]:
    with httpx.Client(proxy=stand_ins.youtube_proxy_url, verify=False, trust_env=False, timeout=WAIT_S) as client:  # noqa: S501
        yield client


def sent(stand_ins: StandInsClient, request: bytes) -> bytes:
    address = httpx.URL(stand_ins.youtube_proxy_url)
    with socket.create_connection((address.host, address.port or 0), timeout=WAIT_S) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65_536)


def test_youtube_answers_under_its_own_name(stand_ins: StandInsClient, browser: httpx.Client) -> None:
    add_video(stand_ins)

    page = browser.get(f"https://www.youtube.com/watch?v={GOOD_ID}")
    player = browser.post("https://www.youtube.com/youtubei/v1/player", json={"videoId": GOOD_ID})
    picture = browser.get(f"https://i.ytimg.com/vi/{GOOD_ID}/hqdefault.jpg")

    assert "ytInitialData" in page.text
    assert player.json()["videoDetails"]["title"] == "A kite"
    assert picture.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "url", ["https://www.youtube.com.evil.example/", "https://example.com/", "https://www.youtube.com:8443/"]
)
def test_any_other_host_is_refused(browser: httpx.Client, url: str) -> None:
    with pytest.raises(httpx.ProxyError, match="403"):
        browser.get(url)


def test_an_unencrypted_request_is_refused(browser: httpx.Client) -> None:
    assert browser.get("http://www.youtube.com/watch").status_code == 403


@pytest.mark.parametrize("request_", [b"", b"nonsense", b"CONNECT\r\n\r\n", b"\x00" * 100_000])
def test_a_malformed_request_ends_the_connection(stand_ins: StandInsClient, request_: bytes) -> None:
    try:
        answer = sent(stand_ins, request_)
    except ConnectionError:
        answer = b""

    assert answer == b"" or answer.startswith(b"HTTP/1.1 403")


def test_a_connection_that_the_app_drops_is_dropped_by_the_proxy(
    stand_ins: StandInsClient, browser: httpx.Client
) -> None:
    stand_ins.fault("youtube", "disconnect", path="/www/watch")

    with pytest.raises(httpx.TransportError):
        browser.get("https://www.youtube.com/watch")


def test_the_proxy_shows_a_self_signed_certificate(stand_ins: StandInsClient) -> None:
    with (
        httpx.Client(proxy=stand_ins.youtube_proxy_url, trust_env=False) as strict,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        strict.get("https://www.youtube.com/watch")
