"""YouTube through yt-dlp, bounded in time, size and hosts; imported with the first video, since it takes its time."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from urllib.request import BaseHandler
from urllib.request import Request as HandlerRequest

import httpx
from yt_dlp import YoutubeDL
from yt_dlp.globals import all_plugins_loaded
from yt_dlp.networking import Request, Response
from yt_dlp.networking._urllib import UrllibRH
from yt_dlp.networking.exceptions import HTTPError, ProxyError, RequestError
from yt_dlp.utils import DownloadCancelled

from whyviral.core import endpoints
from whyviral.core.clock import utc_now
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.bounded import retry_after_s

from . import errors as failures
from .ids import watch_url

_SOCKET_TIMEOUT_S = 10.0
_MOMENT_S = 0.001
_MAX_PAGE_BYTES = 16 * 1024 * 1024
"""A watch page has one to two."""
_CHUNK_BYTES = 64 * 1024
_MAX_MESSAGES = 50
_MAX_MESSAGE = 2_000
_DOMAIN = "youtube.com"
_FILES_DOMAIN = "googlevideo.com"
_OF_THE_PLAYER = ("formats", "subtitles", "automatic_captions")
_PROXY_AUTHENTICATION = "407"

# Nothing that happens to be installed beside yt-dlp may change what it does.
all_plugins_loaded.value = True


class _Cancelled(DownloadCancelled):  # type: ignore[misc] # yt-dlp has no types
    """What stops yt-dlp from outside: it hands on this class where it would work around every other one."""


@dataclass(slots=True)
class _Watch:
    """The bounds of what is going on, and what has gone wrong in it."""

    should_stop: Callable[[], bool] = lambda: False
    ends_at: float = 0.0
    max_page_bytes: int = _MAX_PAGE_BYTES
    max_file_bytes: int = 0
    messages: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_MESSAGES))
    """Errors and warnings of yt-dlp: some refusals are told in a warning only."""
    failure: RequestError | None = None
    """Of the last request that failed: yt-dlp hides its status from the error it raises."""
    unclosed: list[Response] = field(default_factory=list)
    status: int | None = None
    """Of the last answer."""
    has_error: bool = False
    is_too_large: bool = False

    def start(self, *, timeout_s: float, max_page_bytes: int = _MAX_PAGE_BYTES, max_file_bytes: int = 0) -> None:
        """Begin something new."""
        self.ends_at = time.monotonic() + timeout_s
        self.max_page_bytes = max_page_bytes
        self.max_file_bytes = max_file_bytes
        self.messages.clear()
        self.close()
        self.status = None
        self.has_error = self.is_too_large = False

    def close(self) -> None:
        """Forget the last failure; yt-dlp leaves its connection open, and may read on in it until then."""
        for response in self.unclosed:
            response.close()
        self.unclosed.clear()
        self.failure = None

    def check(self) -> float:
        """Return the seconds that are left; without any, or when told to, stop yt-dlp."""
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0 or self.should_stop():
            raise _Cancelled("out of time")
        return left_s

    def failed(self, failure: RequestError) -> None:
        """Keep what became of a request."""
        self.failure = failure
        self.status = None
        if isinstance(failure, HTTPError):
            self.status = failure.status
            self.unclosed.append(failure.response)

    def check_size(self, size_bytes: int, *, max_bytes: int) -> None:
        """Stop yt-dlp where more has come than may."""
        if size_bytes > max_bytes:
            self.is_too_large = True
            raise _Cancelled("too many bytes")

    def progress(self, progress: Mapping[str, Any]) -> None:
        """Look at a download, which comes in several answers."""
        self.check_size(int(progress.get("downloaded_bytes") or 0), max_bytes=self.max_file_bytes)

    def debug(self, message: str) -> None:
        """Do nothing: yt-dlp tells what it does."""

    def warning(self, message: str) -> None:
        """Keep a warning."""
        self.messages.append(message[:_MAX_MESSAGE])

    def error(self, message: str) -> None:
        """Keep an error before the warnings that led to it."""
        self.has_error = True
        self.messages.appendleft(message[:_MAX_MESSAGE])


class _BoundedResponse(Response):  # type: ignore[misc] # yt-dlp has no types
    """An answer that is cut off when it is too long or too late."""

    def __init__(self, response: Any, watch: _Watch) -> None:
        super().__init__(
            fp=response,
            url=response.url,
            headers=response.headers,
            status=response.status,
            reason=response.reason,
            extensions=response.extensions,
        )
        self._watch = watch
        self._max_bytes = watch.max_file_bytes if _is_file(response.url) else watch.max_page_bytes
        self._read_bytes = 0

    def read(self, amt: int | None = None) -> bytes:
        """Return `amt` bytes, or all of them."""
        if amt is not None:
            return self._read_some(amt)
        body = bytearray()
        while piece := self._read_some(_CHUNK_BYTES):
            body += piece
        return bytes(body)

    def _read_some(self, amount: int) -> bytes:
        self._watch.check()
        piece: bytes = super().read(amount)
        self._read_bytes += len(piece)
        self._watch.check_size(self._read_bytes, max_bytes=self._max_bytes)
        return piece


class _Doorkeeper(BaseHandler):
    """Looks at each request before any other handler sends it; those that redirects make are known only here."""

    def __init__(self, watch: _Watch) -> None:
        self._watch = watch

    def default_open(self, request: HandlerRequest) -> None:
        """Refuse what does not go to YouTube, and give the rest no more time than is left for all of it."""
        if not _is_youtube(request.full_url):
            raise RequestError("not a host of YouTube")
        request.timeout = min(_SOCKET_TIMEOUT_S, max(_MOMENT_S, self._watch.ends_at - time.monotonic()))


class _YouTubeRH(UrllibRH):  # type: ignore[misc] # yt-dlp has no types
    """HTTP by the standard library, to YouTube and to nobody else."""

    def __init__(self, *, watch: _Watch, **options: Any) -> None:
        super().__init__(**options)
        self._watch = watch

    def _create_instance(self, **options: Any) -> Any:
        opener = super()._create_instance(**options)
        opener.add_handler(_Doorkeeper(self._watch))
        return opener


class _Downloader(YoutubeDL):  # type: ignore[misc] # yt-dlp has no types
    """yt-dlp whose every request passes here."""

    def __init__(self, options: Mapping[str, Any], watch: _Watch) -> None:
        self._watch = watch
        super().__init__(dict(options))

    def build_request_director(self, _handlers: Any, preferences: Any = None) -> Any:
        """Speak HTTP by the standard library alone, so that it does not matter what else is installed."""
        return super().build_request_director([partial(_YouTubeRH, watch=self._watch)], preferences)

    def urlopen(self, request: Any) -> Any:
        """Send a request, as long as there is time; `_Doorkeeper` sees where it goes."""
        left_s = self._watch.check()
        if isinstance(request, str):
            request = Request(request)
        request.extensions["timeout"] = min(_SOCKET_TIMEOUT_S, left_s)
        try:
            response = super().urlopen(request)
        except RequestError as exc:
            self._watch.failed(exc)
            raise
        self._watch.status = response.status
        return _BoundedResponse(response, self._watch)


class YouTubeSession:
    """What YouTube takes for one visitor: several videos, with the same address and cookies."""

    def __init__(self, downloader: _Downloader, watch: _Watch) -> None:
        self._downloader = downloader
        self._watch = watch

    @property
    def status(self) -> int | None:
        """Return the HTTP status of the last answer, if one came."""
        return self._watch.status

    def extract(self, video_id: str, *, timeout_s: float) -> dict[str, Any]:
        """Return what yt-dlp learns about a video; nothing is downloaded.

        Raises:
            ProviderError: YouTube shows no such video, or nothing was learnt; `YouTubeBlocked` where it refuses *us*.
        """
        self._watch.start(timeout_s=timeout_s)
        # Without `process` no format is chosen, which would cost time and may ask for more.
        info = self._run(video_id, download=False, process=False)
        if info.get("_type") == "video" and not any(info.get(name) for name in _OF_THE_PLAYER):
            # The player gave no answer that could be read: what there is comes from the watch page alone.
            raise failures.no_file() if self._watch.failure is None else self._failure(video_id)
        return info

    def download(self, video_id: str, *, timeout_s: float, max_bytes: int) -> dict[str, Any]:
        """Store the file that the options choose, and return what yt-dlp learnt.

        Raises:
            ProviderError: as `extract`; or the file could not be loaded, was too large or came too late.
        """
        self._watch.start(timeout_s=timeout_s, max_file_bytes=max_bytes)
        return self._run(video_id, download=True, process=True)

    def read(self, url: str, *, timeout_s: float, max_bytes: int) -> bytes:
        """Return the body of a small file, such as captions.

        Raises:
            ProviderError: it could not be had.
        """
        self._watch.start(timeout_s=timeout_s, max_page_bytes=max_bytes)
        try:
            body: bytes = self._downloader.urlopen(url).read()
        except (RequestError, DownloadCancelled):
            raise self._failure() from None
        return body

    def _run(self, video_id: str, *, download: bool, process: bool) -> dict[str, Any]:
        try:
            info = self._downloader.extract_info(watch_url(video_id), download=download, process=process)
        except DownloadCancelled:
            raise self._failure() from None
        if not isinstance(info, Mapping) or self._watch.has_error:
            raise self._failure(video_id)
        sanitized: dict[str, Any] = self._downloader.sanitize_info(info)
        return sanitized

    def _failure(self, video_id: str = "") -> ProviderError:
        """Return what went wrong, in our words: YouTube's own may hold anything, and a proxy's a password."""
        messages = [message.replace(video_id, "") if video_id else message for message in self._watch.messages]
        for message in messages:  # an id may spell a word that means something
            if refusal := failures.refusal_of_text(message):
                return refusal
        if self._watch.is_too_large:
            return failures.too_large()
        if time.monotonic() >= self._watch.ends_at:
            return failures.too_late()
        return _failure_of_request(self._watch.failure)


@contextmanager
def open_session(
    *,
    proxy_url: str | None,
    js_runtimes: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[YouTubeSession]:
    """Set yt-dlp up for the block.

    Args:
        proxy_url: asked in place of YouTube's own hosts; where a stand-in plays YouTube, that is asked instead.
        js_runtimes: as yt-dlp takes them; without one, some formats are missing.
        options: of yt-dlp, beside our own.
        should_stop: asked before every request and every read; whether to give up.
    """
    stand_in_url = endpoints.current().youtube_proxy_url
    watch = _Watch(should_stop)
    own = {
        "allowed_extractors": ["^youtube$"],  # playlists, channels and every other site end before a request is made
        "cachedir": False,
        "extractor_retries": 1,
        "ignoreerrors": True,  # told to the logger; otherwise each bug of yt-dlp would be an exception of its own
        "js_runtimes": dict(js_runtimes or {}),
        "logger": watch,
        "nocheckcertificate": stand_in_url is not None,  # its certificate is signed by nobody
        "noplaylist": True,
        "noprogress": True,
        "progress_hooks": [watch.progress],
        "proxy": stand_in_url or proxy_url or "",
        "quiet": True,
        "retries": 1,
        "socket_timeout": _SOCKET_TIMEOUT_S,
        # Without a runtime for its script the player's page is of no use; the watch page, for likes and most replayed
        # parts, and the player's answer remain.
        "extractor_args": {"youtube": {} if js_runtimes else {"player_skip": ["configs", "js"]}},
    }
    with _Downloader(own | dict(options or {}), watch) as downloader:
        try:
            yield YouTubeSession(downloader, watch)
        finally:
            watch.close()


def _is_youtube(url: str) -> bool:
    return any(_is_below(url, domain) for domain in (_DOMAIN, _FILES_DOMAIN))


def _is_file(url: str) -> bool:
    return _is_below(url, _FILES_DOMAIN)


def _is_below(url: str, domain: str) -> bool:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return parts.scheme == "https" and (host == domain or host.endswith(f".{domain}"))


def _failure_of_request(failure: RequestError | None) -> ProviderError:
    """Return what the last request that failed means; without one, yt-dlp did not understand what it got."""
    if failure is None:
        return failures.unreadable()
    if isinstance(failure, HTTPError):
        if failure.status == HTTPStatus.FORBIDDEN and _is_file(failure.response.url):
            return failures.no_file(status=failure.status)
        asked = httpx.Headers({"Retry-After": failure.response.headers.get("Retry-After", "")})
        return failures.refusal_of_status(failure.status, retry_after_s=retry_after_s(asked, now=utc_now()))
    if isinstance(failure, ProxyError) and _PROXY_AUTHENTICATION in str(failure):
        return failures.proxy_refused()
    is_timeout = isinstance(failure.cause, TimeoutError) or "timed out" in str(failure)
    return failures.too_late() if is_timeout else failures.out_of_order()
