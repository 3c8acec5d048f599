"""Sessions of yt-dlp, each one visitor of YouTube."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from itertools import islice
from typing import Any

import httpx
from yt_dlp.globals import all_plugins_loaded
from yt_dlp.networking.exceptions import HTTPError, ProxyError, RequestError
from yt_dlp.utils import DownloadCancelled, ExtractorError

from whyviral.core import endpoints
from whyviral.core.clock import utc_now
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.bounded import retry_after_s
from whyviral.integrations.youtube import errors as failures
from whyviral.integrations.youtube.hosts import is_media_file
from whyviral.integrations.youtube.ids import watch_url

from . import programs
from .run_limits import SOCKET_TIMEOUT_S, RunLimits
from .transport import BoundedDownloader

MAX_TAB_ENTRIES = 30
"""The first page of a tab has at least as many; a second page would be another request.

A failing second page would lose the first. Source: yt-dlp 2026.10.26, run.
"""
_OF_THE_PLAYER = ("formats", "subtitles", "automatic_captions")
_NO_MANIFESTS = ["hls", "dash"]
"""Not read: the plain files hold the same streams, and their captions and languages are in the player's answer."""
_PROXY_AUTHENTICATION = "407"

# Nothing that happens to be installed beside yt-dlp may change what it does.
all_plugins_loaded.value = True
programs.allow_deno_only()


class YouTubeSession:
    """One visitor in YouTube's eyes: several videos, with the same address and cookies."""

    def __init__(self, downloader: BoundedDownloader, watch: RunLimits) -> None:
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
    watch = RunLimits(should_stop)
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
        "socket_timeout": SOCKET_TIMEOUT_S,
        "extractor_args": {"youtube": _extractor_args(has_js_runtime=bool(js_runtimes))},
    }
    with BoundedDownloader(own | dict(options or {}), watch) as downloader:
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
