"""URLs and host names that must never be requested, in all their disguises."""

import io
import time
from datetime import UTC, datetime

import pytest

from tests.fixtures.waits import WAIT_S
from whyviral.integrations.http.ssrf_guard import GuardedHttp
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.media.download import Downloader, MediaRefused
from whyviral.social.platforms import Platform

FOREIGN = "This file is not on one of the platform's media hosts."
HOSTILE = [
    "",
    " ",
    "https://",
    "https:///a.jpg",
    "https://pbs.twimg.com",
    "http://pbs.twimg.com/a.jpg",
    "HTTPS://pbs.twimg.com/a.jpg",
    "ftp://pbs.twimg.com/a.jpg",
    "file:///etc/passwd",
    "file://pbs.twimg.com/etc/passwd",
    "gopher://pbs.twimg.com/_x",
    "data:image/png;base64,iVBORw0KGgo=",
    "javascript:alert(1)",
    "//pbs.twimg.com/a.jpg",
    "pbs.twimg.com/a.jpg",
    "https:pbs.twimg.com/a.jpg",
    "https:/pbs.twimg.com/a.jpg",
    "https:\\\\pbs.twimg.com\\a.jpg",
    "https://evil.example/a.jpg",
    "https://evil.example/pbs.twimg.com/a.jpg",
    "https://evil.example/?https://pbs.twimg.com/a.jpg",
    "https://evil.example?.twimg.com/a.jpg",
    "https://evil.example#.twimg.com/a.jpg",
    "https://evil.example\\.twimg.com/a.jpg",
    "https://evil.example%2f.twimg.com/a.jpg",
    "https://evil.example%00.twimg.com/a.jpg",
    "https://evil.example\x00.twimg.com/a.jpg",
    "https://evil.example\t.twimg.com/a.jpg",
    "https://evil.example\n.twimg.com/a.jpg",
    "https://evil.example .twimg.com/a.jpg",
    "https://evil.example;.twimg.com/a.jpg",
    "https://evil.example,.twimg.com/a.jpg",
    "https://evil.example:443.twimg.com/a.jpg",
    "https://twimg.com.evil.example/a.jpg",
    "https://pbs.twimg.com.evil.example/a.jpg",
    "https://eviltwimg.com/a.jpg",
    "https://evil-twimg.com/a.jpg",
    "https://twimg.com/a.jpg",
    "https://.twimg.com/a.jpg",
    "https://..twimg.com/a.jpg",
    "https://pbs..twimg.com/a.jpg",
    "https://-pbs.twimg.com/a.jpg",
    "https://pbs.twimg.com./a.jpg",
    "https://pbs.twimg.comx/a.jpg",
    "https://pbs.twimg.co/a.jpg",
    "https://PBS.TWIMG.COM/a.jpg",
    "https://pbs.twimg.c\u043em/a.jpg",
    "https://pbs.tw\u0131mg.com/a.jpg",
    "https://pbs\u3002twimg.com/a.jpg",
    "https://\uff50\uff42\uff53.twimg.com/a.jpg",
    "https://pbs.twimg.com\u200b/a.jpg",
    "https://pbs.twimg.com@evil.example/a.jpg",
    "https://user@pbs.twimg.com/a.jpg",
    "https://user:word@pbs.twimg.com/a.jpg",
    "https://@pbs.twimg.com/a.jpg",
    "https://evil.example@pbs.twimg.com/a.jpg",
    "https://pbs.twimg.com:443/a.jpg",
    "https://pbs.twimg.com:80/a.jpg",
    "https://pbs.twimg.com:22/a.jpg",
    "https://pbs.twimg.com:/a.jpg",
    "https://pbs.twimg.com:@evil.example/a.jpg",
    "https://127.0.0.1/a.jpg",
    "https://127.1/a.jpg",
    "https://2130706433/a.jpg",
    "https://0x7f000001/a.jpg",
    "https://0177.0.0.1/a.jpg",
    "https://localhost/a.jpg",
    "https://localhost.twimg.com.localhost/a.jpg",
    "https://[::1]/a.jpg",
    "https://[::ffff:127.0.0.1]/a.jpg",
    "https://[::1].twimg.com/a.jpg",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://metadata.google.internal/",
    "https://10.0.0.1/a.jpg",
    "https://0.0.0.0/a.jpg",
    "https://kubernetes.default.svc/a.jpg",
    "https://pbs.twimg.com/a b.jpg",
    "https://pbs.twimg.com/a.jpg\r\nHost: evil.example",
    "https://pbs.twimg.com/a.jpg\n",
    " https://pbs.twimg.com/a.jpg",
    "https://pbs.twimg.com/a.jpg#fragment",
    "https://pbs.twimg.com/\\evil",
    "https://pbs.twimg.com/a\u00e9.jpg",
    "https://pbs.twimg.com/a.jpg?x=\x7f",
    "https://pbs.twimg.com/a.jpg?x={}",
    "https://pbs.twimg.com/a.jpg?x=<script>",
    "https://pbs.twimg.com/" + "a" * 4_000,
    "https://" + "a" * 300 + ".twimg.com/a.jpg",
    # media hosts of other platforms
    "https://scontent.cdninstagram.com/v/1.jpg",
    "https://i.ytimg.com/vi/1/default.jpg",
    "https://video.xx.fbcdn.net/v/1.mp4",
    "https://rr1.googlevideo.com/videoplayback",
]
PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


def refusal(http: GuardedHttp, url: str, platform: Platform = Platform.X) -> str:
    with pytest.raises(MediaRefused) as refused:
        Downloader(http, gateway_url=None).download(
            url,
            io.BytesIO(),
            platform=platform,
            kind=MediaKind.IMAGE,
            is_stand_in=False,
            now=datetime(2026, 11, 25, tzinfo=UTC),
            ends_at=time.monotonic() + WAIT_S,
        )
    return refused.value.failure.message


@pytest.mark.parametrize("url", HOSTILE)
def test_a_url_on_another_host_is_rejected_before_name_resolution(url: str) -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    assert refusal(GuardedHttp(resolve=resolve), url) == FOREIGN
    assert asked == []


def test_the_table_of_foreign_urls_is_long_enough() -> None:
    assert len(set(HOSTILE)) >= 80


@pytest.mark.parametrize("address", PRIVATE)
def test_an_allowed_host_with_an_internal_address_is_not_connected_to(address: str) -> None:
    http = GuardedHttp(resolve=lambda _host, _port: [address])

    assert refusal(http, "https://pbs.twimg.com/a.jpg") == FOREIGN


@pytest.mark.parametrize("addresses", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]])
def test_a_host_with_one_internal_address_among_public_ones_is_rejected(addresses: list[str]) -> None:
    http = GuardedHttp(resolve=lambda _host, _port: addresses)

    assert refusal(http, "https://pbs.twimg.com/a.jpg") == FOREIGN


def test_a_host_without_an_address_is_unreachable() -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise OSError("no such host")

    for http in (GuardedHttp(resolve=resolve), GuardedHttp(resolve=lambda _host, _port: [])):
        assert "could not be reached" in refusal(http, "https://pbs.twimg.com/a.jpg")
