"""Downloads one medium, only from the media hosts of its platform."""

import hashlib
import re
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import BinaryIO, Self
from urllib.parse import parse_qs, urljoin, urlsplit

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.http.ssrf_guard import (
    AddressRefused,
    FetchFailed,
    FetchTooLate,
    GuardedAnswer,
    GuardedHttp,
    is_loopback,
)
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.platforms import Platform

from .file_types import MAX_PIXELS, SIGNATURE_BYTES, SNIFFED_BYTES, FileType, is_bomb, picture_size, sniff
from .service import MediaFailure

MAX_VIDEO_BYTES = 250 * 1024 * 1024
"""The limit of the storage bucket (storage.sql of the initial migration)."""
MAX_IMAGE_BYTES = 25 * 1024 * 1024
_MAX_REDIRECTS = 3
_MAX_URL = 4_000
_HOSTS = {
    Platform.INSTAGRAM: (".cdninstagram.com", ".fbcdn.net"),
    Platform.X: (".twimg.com",),
    Platform.YOUTUBE: (".ytimg.com",),
}
# Exactly the characters of such URLs. A URL that would need repair is rejected, because a foreign host can be disguised
# as a damaged known one.
_URL = re.compile(
    r"https://([a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?)(/[A-Za-z0-9/._~%!$&'()*+,;=:@-]*(?:\?[A-Za-z0-9/._~%!$&'()*+,;=:@?-]*)?)"
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_TEMPORARY = frozenset({408, 425, 429})
"""Client error statuses that are temporary, as 5xx statuses are."""
_EXPIRY = re.compile(r"[0-9A-Fa-f]{8}")
# Source: responses of Instagram's media hosts to altered and to old links, in public reports of 2025 and 2026.
_EXPIRED_WORDS = (b"url signature expired", b"url signature mismatch", b"bad url")

_EXPIRED = "The platform's link to this file has expired; the post must be fetched again."
_GONE_MESSAGE = "The platform no longer has this file."
_UNKNOWN_HOST = "This file is not on one of the platform's media hosts."
_MISMATCH = "The file that the platform sent is not {what}."
_TOO_LARGE = "This file is larger than {mb} MB."
_TOO_MANY_PIXELS = f"This picture has more than {MAX_PIXELS // 1_000_000} million pixels."
_TOO_LATE = "The platform took too long to send this file; try again later."
_UNREACHABLE = "The platform's media host could not be reached; try again later."
_REFUSED = "The platform's media host refused to send this file."


class MediaRefused(Exception):
    """A medium cannot be downloaded; `failure` holds the cause."""

    def __init__(self, message: str, category: ErrorCategory = ErrorCategory.MEDIA_ERROR) -> None:
        super().__init__(message)
        self.failure = MediaFailure(category, message)

    @classmethod
    def with_dead_link(cls, message: str) -> Self:
        """Return the error for a file whose link has expired."""
        refused = cls(message)
        refused.failure = replace(refused.failure, is_link_dead=True)
        return refused


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A downloaded file, which has been written to the caller's stream."""

    type: FileType
    sha256: str
    size_bytes: int
    size: tuple[int, int] | None
    """Width and height, if a picture's header states them."""


@dataclass(frozen=True, slots=True)
class Downloader:
    """Downloads media through the SSRF guard; media of a stand-in's posts come through the stand-in's gateway."""

    http: GuardedHttp
    gateway_url: str | None
    """Where the stand-in serves the platforms' media: `<gateway>/<host>/<path>?<query>`."""
    local_http: GuardedHttp = field(default_factory=partial(GuardedHttp, allows=is_loopback))

    def download(
        self,
        url: str,
        into: BinaryIO,
        *,
        platform: Platform,
        kind: MediaKind,
        is_stand_in: bool,
        now: datetime,
        ends_at: float,
    ) -> Downloaded:
        """Download the file and write it to `into`.

        Args:
            url: the untrusted URL of the file.
            into: an empty stream.
            platform: the platform whose media hosts are allowed.
            kind: the kind that the file must have.
            is_stand_in: whether the post comes from a stand-in.
            now: the time with which the link's expiry is compared.
            ends_at: when to stop, on the monotonic clock.

        Raises:
            MediaRefused: with a message for the user.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            checked = check_url(url, platform, now=now)
            http, address = (self.local_http, self._gateway(checked)) if is_stand_in else (self.http, checked)
            try:
                with http.get(address, ends_at=ends_at) as answer:
                    if answer.status not in _REDIRECTS:
                        _check_head(answer)
                        return _receive(answer, into, kind=kind, ends_at=ends_at)
                    url = _joined(checked, answer.headers.get("location", ""))
            except FetchFailed as exc:
                raise _refused(exc) from exc
        raise MediaRefused(_REFUSED)

    def _gateway(self, url: str) -> str:
        if self.gateway_url is None:  # a post of a stand-in in a deployed database
            raise MediaRefused(_UNKNOWN_HOST)
        return f"{self.gateway_url}/{url.removeprefix('https://')}"


def check_url(url: str, platform: Platform, *, now: datetime) -> str:
    """Return `url` if it is on a media host of the platform and has not expired.

    Raises:
        MediaRefused: the URL is on another host, malformed or expired.
    """
    match = _URL.fullmatch(url) if len(url) <= _MAX_URL else None
    if match is None or ".." in match[1] or not match[1].endswith(_HOSTS[platform]):
        raise MediaRefused(_UNKNOWN_HOST)
    if platform is Platform.INSTAGRAM:
        (*_, expiry) = parse_qs(urlsplit(url).query).get("oe", [""])
        if _EXPIRY.fullmatch(expiry) and int(expiry, 16) <= now.timestamp():
            raise MediaRefused.with_dead_link(_EXPIRED)
    return url


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:  # brackets around something else than an IPv6 address
        raise MediaRefused(_UNKNOWN_HOST) from None


def _check_head(answer: GuardedAnswer) -> None:
    if answer.status in _GONE:
        raise MediaRefused(_GONE_MESSAGE)
    if answer.status == HTTPStatus.FORBIDDEN:
        words = next(answer.pieces, b"")[:1000].lower()
        if any(word in words for word in _EXPIRED_WORDS):
            raise MediaRefused.with_dead_link(_EXPIRED)
        raise MediaRefused(_REFUSED)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _TEMPORARY:
        raise MediaRefused(_UNREACHABLE, ErrorCategory.PROVIDER_ERROR)
    # A partial response is not the whole file, and a compressed one could expand without limit.
    if answer.status != HTTPStatus.OK or answer.headers.get("content-encoding", "identity") != "identity":
        raise MediaRefused(_REFUSED)


def _receive(answer: GuardedAnswer, into: BinaryIO, *, kind: MediaKind, ends_at: float) -> Downloaded:
    wants_video = kind is MediaKind.VIDEO
    max_bytes = MAX_VIDEO_BYTES if wants_video else MAX_IMAGE_BYTES
    length = answer.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > max_bytes:
        raise _too_large(max_bytes)
    digest, size_bytes, start = hashlib.sha256(), 0, bytearray()
    is_checked = False
    for piece in answer.pieces:
        size_bytes += len(piece)
        if size_bytes > max_bytes:
            raise _too_large(max_bytes)
        if time.monotonic() > ends_at:
            raise MediaRefused(_TOO_LATE, ErrorCategory.TIMEOUT)
        if len(start) < SNIFFED_BYTES:
            start += piece
        if not is_checked and len(start) >= SIGNATURE_BYTES:
            _check_type(bytes(start), wants_video=wants_video)
            is_checked = True
        digest.update(piece)
        into.write(piece)
    found = _check_type(bytes(start), wants_video=wants_video)
    if is_bomb(bytes(start), found):
        raise MediaRefused(_TOO_MANY_PIXELS)
    return Downloaded(found, digest.hexdigest(), size_bytes, picture_size(bytes(start), found))


def _check_type(start: bytes, *, wants_video: bool) -> FileType:
    found = sniff(start)
    if found is None or not (found.is_video if wants_video else found.is_image):
        raise MediaRefused(_MISMATCH.format(what="a video" if wants_video else "a picture"))
    return found


def _too_large(max_bytes: int) -> MediaRefused:
    return MediaRefused(_TOO_LARGE.format(mb=max_bytes // 1024 // 1024))


def _refused(failure: FetchFailed) -> MediaRefused:
    match failure:
        case AddressRefused():
            return MediaRefused(_UNKNOWN_HOST)
        case FetchTooLate():
            return MediaRefused(_TOO_LATE, ErrorCategory.TIMEOUT)
    return MediaRefused(_UNREACHABLE, ErrorCategory.PROVIDER_ERROR)
