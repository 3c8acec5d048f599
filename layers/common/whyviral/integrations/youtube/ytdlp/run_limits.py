"""The limits of one run of yt-dlp, and the failures in it."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, RequestError
from yt_dlp.utils import DownloadCancelled

from whyviral.integrations.youtube.player import PlayerAnswers

SOCKET_TIMEOUT_S = 10.0
MAX_PAGE_BYTES = 16 * 1024 * 1024
"""A watch page has one to two."""
_MAX_MESSAGES = 50
_MAX_MESSAGE = 2_000


class Cancelled(DownloadCancelled):  # type: ignore[misc] # yt-dlp has no types
    """Stops yt-dlp from outside; the one class of exception that yt-dlp always raises again."""


@dataclass(slots=True)
class RunLimits:
    """The limits of the current extraction or download, and what has failed in it."""

    should_stop: Callable[[], bool] = lambda: False
    ends_at: float = 0.0
    max_page_bytes: int = MAX_PAGE_BYTES
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

    def start(self, *, timeout_s: float, max_page_bytes: int = MAX_PAGE_BYTES, max_file_bytes: int = 0) -> None:
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
            raise Cancelled("out of time")
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
            raise Cancelled("too many bytes")

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
