"""The HTTP of yt-dlp: to YouTube only, within the limits of its run."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from urllib.request import BaseHandler
from urllib.request import Request as HandlerRequest

from yt_dlp import YoutubeDL
from yt_dlp.networking import Request, Response
from yt_dlp.networking._urllib import UrllibRH
from yt_dlp.networking.exceptions import RequestError

from whyviral.integrations.youtube.hosts import is_media_file, is_youtube
from whyviral.integrations.youtube.player import PLAYER_PATH

from .run_limits import SOCKET_TIMEOUT_S, RunLimits

_MOMENT_S = 0.001
_CHUNK_BYTES = 64 * 1024


class _BoundedResponse(Response):  # type: ignore[misc] # yt-dlp has no types
    """An answer with a limit of size and time."""

    def __init__(self, response: Any, watch: RunLimits) -> None:
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

    def __init__(self, watch: RunLimits) -> None:
        self._watch = watch

    def default_open(self, request: HandlerRequest) -> None:
        """Refuse a host that is not YouTube's, and limit the timeout to the time that is left."""
        if not is_youtube(request.full_url):
            raise RequestError("not a host of YouTube")
        request.timeout = min(SOCKET_TIMEOUT_S, max(_MOMENT_S, self._watch.ends_at - time.monotonic()))


class _YouTubeRH(UrllibRH):  # type: ignore[misc] # yt-dlp has no types
    """HTTP by the standard library, to YouTube only."""

    def __init__(self, *, watch: RunLimits, **options: Any) -> None:
        super().__init__(**options)
        self._watch = watch

    def _create_instance(self, **options: Any) -> Any:
        opener = super()._create_instance(**options)
        opener.add_handler(_Doorkeeper(self._watch))
        return opener


class BoundedDownloader(YoutubeDL):  # type: ignore[misc] # yt-dlp has no types
    """yt-dlp with every request under our limits."""

    def __init__(self, options: Mapping[str, Any], watch: RunLimits) -> None:
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
        request.extensions["timeout"] = min(SOCKET_TIMEOUT_S, left_s)
        try:
            response = super().urlopen(request)
        except RequestError as exc:
            self._watch.failed(exc)
            raise
        self._watch.status = response.status
        return _BoundedResponse(response, self._watch)
