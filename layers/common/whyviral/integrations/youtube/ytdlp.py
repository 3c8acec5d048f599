"""YouTube through yt-dlp, bounded in time, size and hosts. Imported with the first video, since the import is slow."""

import errno
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import islice
from pathlib import Path
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
from yt_dlp.utils import DownloadCancelled, ExtractorError, Popen

from whyviral.core import endpoints
from whyviral.core.clock import utc_now
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.bounded import retry_after_s
from whyviral.integrations.youtube.hosts import is_media_file, is_youtube
from whyviral.integrations.youtube.player import PLAYER_PATH, PlayerAnswers

from . import errors as failures
from .ids import watch_url

_SOCKET_TIMEOUT_S = 10.0
_MOMENT_S = 0.001
_MAX_PAGE_BYTES = 16 * 1024 * 1024
"""A watch page has one to two."""
MAX_TAB_ENTRIES = 30
"""The first page of a tab has at least as many; a second page would be another request.

A failing second page would lose the first. Source: yt-dlp 2026.10.26, run.
"""
_CHUNK_BYTES = 64 * 1024
_MAX_MESSAGES = 50
_MAX_MESSAGE = 2_000
_OF_THE_PLAYER = ("formats", "subtitles", "automatic_captions")
_NO_MANIFESTS = ["hls", "dash"]
"""Not read: the plain files hold the same streams, and their captions and languages are in the player's answer."""
_PROXY_AUTHENTICATION = "407"

# Nothing that happens to be installed beside yt-dlp may change what it does.
all_plugins_loaded.value = True

_start_program = Popen.__init__
_JS_RUNTIME = "deno"


def _start_js_runtime(
    self: Popen, command: Any, *arguments: Any, env: Mapping[str, str] | None = None, **options: Any
) -> None:
    """Start Deno with an environment of its own, and refuse any other program, such as ffmpeg or a downloader.

    yt-dlp would pass on the worker's whole environment, which other processes of the same user can read. Deno runs the
    script of YouTube's player without network access: it needs neither a proxy nor a name of a server.
    """
    del env
    program = command[0] if isinstance(command, list | tuple) and command else ""
    if Path(str(program)).name != _JS_RUNTIME or options.get("shell"):
        raise FileNotFoundError(errno.ENOENT, "yt-dlp may start no program but Deno")
    own = {"HOME": os.environ.get("HOME", "/"), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    _start_program(self, command, *arguments, env=own, **options)


# A replacement in yt-dlp itself, since every program that it starts goes through this class and no option is offered.
Popen.__init__ = _start_js_runtime


class _Cancelled(DownloadCancelled):  # type: ignore[misc] # yt-dlp has no types
    """Stops yt-dlp from outside; the one class of exception that yt-dlp always raises again."""


@dataclass(slots=True)
class _Watch:
    """The limits of the current extraction or download, and what has failed in it."""

    should_stop: Callable[[], bool] = lambda: False
    ends_at: float = 0.0
    max_page_bytes: int = _MAX_PAGE_BYTES
    max_file_bytes: int = 0
    messages: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_MESSAGES))
    """Errors and warnings of yt-dlp: some refusals appear in a warning only."""
    player: PlayerAnswers = field(default_factory=PlayerAnswers)
    failure: RequestError | None = None
    """The last failed request: yt-dlp leaves its status out of the error that it raises."""
    unclosed: list[Response] = field(default_factory=list)
    status: int | None = None
    """Of the last answer."""
    has_error: bool = False
    is_too_large: bool = False

    def start(self, *, timeout_s: float, max_page_bytes: int = _MAX_PAGE_BYTES, max_file_bytes: int = 0) -> None:
        """Start a new extraction, download or read."""
        self.ends_at = time.monotonic() + timeout_s
        self.max_page_bytes = max_page_bytes
        self.max_file_bytes = max_file_bytes
        self.messages.clear()
        self.player.clear()
        self.close()
        self.status = None
        self.has_error = self.is_too_large = False

    def close(self) -> None:
        """Drop the last failure and close its connection, which yt-dlp leaves open and may still read."""
        for response in self.unclosed:
            response.close()
        self.unclosed.clear()
        self.failure = None

    def check(self) -> float:
        """Return the seconds left; stop yt-dlp when there are none, or when the caller asks to stop."""
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0 or self.should_stop():
            raise _Cancelled("out of time")
        return left_s

    def failed(self, failure: RequestError) -> None:
        """Record a failed request."""
        self.failure = failure
        self.status = None
        if isinstance(failure, HTTPError):
            self.status = failure.status
            self.unclosed.append(failure.response)

    def check_size(self, size_bytes: int, *, max_bytes: int) -> None:
        """Stop yt-dlp when an answer is larger than its limit."""
        if size_bytes > max_bytes:
            self.is_too_large = True
            raise _Cancelled("too many bytes")

    def progress(self, progress: Mapping[str, Any]) -> None:
        """Check the size of a download, which arrives in several answers."""
        self.check_size(int(progress.get("downloaded_bytes") or 0), max_bytes=self.max_file_bytes)

    def debug(self, message: str) -> None:
        """Drop a debug message of yt-dlp."""

    def warning(self, message: str) -> None:
        """Keep a warning."""
        self.messages.append(message[:_MAX_MESSAGE])

    def error(self, message: str) -> None:
        """Keep an error before the warnings that led to it."""
        self.has_error = True
        self.messages.appendleft(message[:_MAX_MESSAGE])


class _BoundedResponse(Response):  # type: ignore[misc] # yt-dlp has no types
    """An answer with a limit of size and time."""

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
        self._max_bytes = watch.max_file_bytes if is_media_file(response.url) else watch.max_page_bytes
        self._read_bytes = 0

    def read(self, amt: int | None = None) -> bytes:
        """Return `amt` bytes, or all of them."""
        if amt is not None:
            return self._read_some(amt)
        body = bytearray()
        while piece := self._read_some(_CHUNK_BYTES):
            body += piece
        if urlsplit(self.url).path == PLAYER_PATH:
            self._watch.player.add(bytes(body))
        return bytes(body)

    def _read_some(self, amount: int) -> bytes:
        self._watch.check()
        piece: bytes = super().read(amount)
        self._read_bytes += len(piece)
        self._watch.check_size(self._read_bytes, max_bytes=self._max_bytes)
        return piece


class _Doorkeeper(BaseHandler):
    """Checks each request before another handler sends it; requests made by redirects can be checked only here."""

    def __init__(self, watch: _Watch) -> None:
        self._watch = watch

    def default_open(self, request: HandlerRequest) -> None:
        """Refuse a host that is not YouTube's, and limit the timeout to the time that is left."""
        if not is_youtube(request.full_url):
            raise RequestError("not a host of YouTube")
        request.timeout = min(_SOCKET_TIMEOUT_S, max(_MOMENT_S, self._watch.ends_at - time.monotonic()))


class _YouTubeRH(UrllibRH):  # type: ignore[misc] # yt-dlp has no types
    """HTTP by the standard library, to YouTube only."""

    def __init__(self, *, watch: _Watch, **options: Any) -> None:
        super().__init__(**options)
        self._watch = watch

    def _create_instance(self, **options: Any) -> Any:
        opener = super()._create_instance(**options)
        opener.add_handler(_Doorkeeper(self._watch))
        return opener


class _Downloader(YoutubeDL):  # type: ignore[misc] # yt-dlp has no types
    """yt-dlp with every request under our limits."""

    def __init__(self, options: Mapping[str, Any], watch: _Watch) -> None:
        self._watch = watch
        super().__init__(dict(options))

    def build_request_director(self, _handlers: Any, preferences: Any = None) -> Any:
        """Use the standard library's HTTP alone, independent of what else is installed."""
        return super().build_request_director([partial(_YouTubeRH, watch=self._watch)], preferences)

    def urlopen(self, request: Any) -> Any:
        """Send a request while there is time; `_Doorkeeper` checks its host."""
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
    """One visitor in YouTube's eyes: several videos, with the same address and cookies."""

    def __init__(self, downloader: _Downloader, watch: _Watch) -> None:
        self._downloader = downloader
        self._watch = watch

    @property
    def status(self) -> int | None:
        """Return the HTTP status of the last answer, if one came."""
        return self._watch.status

    def extract(self, video_id: str, *, timeout_s: float) -> dict[str, Any]:
        """Return the metadata of a video; nothing is downloaded.

        Raises:
            ProviderError: YouTube refuses the video, or gave no answer; `YouTubeBlocked` if it refuses our address.
        """
        self._watch.start(timeout_s=timeout_s)
        # With `process`, yt-dlp would also choose a format, which costs time and may send more requests.
        info = self._run(video_id, download=False, process=False)
        is_complete = info.get("_type") != "video" or any(info.get(name) for name in _OF_THE_PLAYER)
        is_refused = self._watch.player.refused_status is not None
        if is_complete or (self._watch.player.has_manifest and not is_refused):
            return info
        # The metadata is from the watch page alone: the player refused the video, or its answer was unreadable.
        raise self._failure(video_id) if is_refused or self._watch.failure else failures.no_file()

    def list_tab(self, url: str, *, timeout_s: float) -> dict[str, Any]:
        """Return the first page of a channel's tab, with its videos as `entries`; `open_tab_session` allows it.

        Raises:
            ProviderError: as `extract`; the refusals of a channel are in the words of `refusal_of_channel`.
        """
        self._watch.start(timeout_s=timeout_s)
        try:
            found = self._downloader.extract_info(url, download=False, process=False)
            if isinstance(found, Mapping) and not self._watch.has_error:
                # Entries come lazily: reading them here keeps their page within the limits.
                entries = [dict(entry) for entry in islice(found.get("entries") or (), MAX_TAB_ENTRIES)]
                listing: dict[str, Any] = self._downloader.sanitize_info({**found, "entries": entries})
                return listing
        except (DownloadCancelled, ExtractorError):
            pass
        refusals = (failures.refusal_of_channel(message) for message in self._watch.messages)
        raise next(filter(None, refusals), None) or self._failure()

    def download(self, video_id: str, *, timeout_s: float, max_bytes: int) -> dict[str, Any]:
        """Store the file that the options choose, and return the metadata of its video.

        Raises:
            ProviderError: as `extract`; or the file could not be loaded, is too large or came too late.
        """
        self._watch.start(timeout_s=timeout_s, max_file_bytes=max_bytes)
        return self._run(video_id, download=True, process=True)

    def read(self, url: str, *, timeout_s: float, max_bytes: int) -> bytes:
        """Return the body of a small file, such as captions.

        Raises:
            ProviderError: the file could not be loaded.
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
        """Return the failure in our words: YouTube's own text may hold anything, and a proxy's a password."""
        # An id may spell a word of a rule.
        messages = [message.replace(video_id, "") if video_id else message for message in self._watch.messages]
        if status := self._watch.player.refused_status:
            return failures.refusal_of_playability(status, messages[0] if self._watch.has_error else "")
        for message in messages:
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
        proxy_url: the proxy to YouTube; a stand-in of YouTube takes its place.
        js_runtimes: as yt-dlp takes them; without one, some formats are missing.
        options: of yt-dlp, beside our own.
        should_stop: called before every request and every read; True ends the work.
    """
    stand_in_url = endpoints.current().youtube_proxy_url
    watch = _Watch(should_stop)
    own = {
        "allowed_extractors": ["^youtube$"],  # a playlist, channel or other site fails before a request is sent
        "cachedir": False,
        "external_downloader": {"default": "native"},
        "extractor_retries": 1,
        "hls_prefer_native": True,
        "ignoreerrors": True,  # sent to the logger; otherwise each bug of yt-dlp would be an exception of its own
        "js_runtimes": dict(js_runtimes or {}),
        "logger": watch,
        "nocheckcertificate": stand_in_url is not None,  # its certificate is self-signed
        "noplaylist": True,
        "noprogress": True,
        "progress_hooks": [watch.progress],
        "proxy": stand_in_url or proxy_url or "",
        "quiet": True,
        "retries": 1,
        "socket_timeout": _SOCKET_TIMEOUT_S,
        "extractor_args": {"youtube": _extractor_args(has_js_runtime=bool(js_runtimes))},
    }
    with _Downloader(own | dict(options or {}), watch) as downloader:
        try:
            yield YouTubeSession(downloader, watch)
        finally:
            watch.close()


def open_tab_session(*, proxy_url: str | None) -> AbstractContextManager[YouTubeSession]:
    """Set yt-dlp up to list the tabs of channels, and nothing else."""
    options = {
        "allowed_extractors": ["^youtube:tab$"],
        "extract_flat": True,
        "playlistend": MAX_TAB_ENTRIES,
        "extractor_args": {"youtubetab": {"approximate_date": [""]}},
    }
    return open_session(proxy_url=proxy_url, options=options)


def _extractor_args(*, has_js_runtime: bool) -> dict[str, list[str]]:
    # Without a runtime for its script the player's page is of no use; the watch page and the player's answer remain.
    return {"skip": _NO_MANIFESTS} | ({} if has_js_runtime else {"player_skip": ["configs", "js"]})


def _failure_of_request(failure: RequestError | None) -> ProviderError:
    """Return what the last failed request means; without one, yt-dlp could not read an answer."""
    if failure is None:
        return failures.unreadable()
    if isinstance(failure, HTTPError):
        if failure.status == HTTPStatus.FORBIDDEN and is_media_file(failure.response.url):
            return failures.no_file(status=failure.status)
        headers = httpx.Headers({"Retry-After": failure.response.headers.get("Retry-After", "")})
        return failures.refusal_of_status(failure.status, retry_after_s=retry_after_s(headers, now=utc_now()))
    if isinstance(failure, ProxyError) and _PROXY_AUTHENTICATION in str(failure):
        return failures.proxy_refused()
    is_timeout = isinstance(failure.cause, TimeoutError) or "timed out" in str(failure)
    return failures.too_late() if is_timeout else failures.unavailable()
