"""One visitor of YouTube: fetches the metadata and captions of videos by yt-dlp, until YouTube refuses our address."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.call_recorder import recorded_call
from whyviral.integrations.http.untrusted_json import NotJson
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.transcript import Transcript

from . import errors as failures
from .captions import MAX_CAPTIONS_BYTES, Track, read_captions
from .errors import PROVIDER, YouTubeBlocked
from .posts import Video, read_info

if TYPE_CHECKING:
    from .ytdlp.session import YouTubeSession

_CAPTIONS_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The metadata and captions of one video."""

    info: Mapping[str, Any]
    transcript: Transcript | None


class Visitor:
    """Fetches videos one after the other; loads yt-dlp with the first one."""

    def __init__(self, *, calls: CallRecorder, clock: Clock, proxy_url: str | None) -> None:
        self._calls = calls
        self._clock = clock
        self._proxy_url = proxy_url
        self._stack = ExitStack()
        self._session: YouTubeSession | None = None
        self.refusal: ProviderError | None = None
        """Why no further video can be fetched."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exception: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def see(self, video_id: str, *, timeout_s: float) -> Seen:
        """Return the metadata and captions of a video.

        Raises:
            ProviderError: `self.refusal` where it concerns every video; any other is about this one.
        """
        if self.refusal is not None:
            raise self.refusal
        ends_at = time.monotonic() + timeout_s
        try:
            info = self._extract(video_id, timeout_s=timeout_s)
        except ProviderError as exc:
            # Only these concern the next video as well; any other failure is about this one.
            if isinstance(exc, YouTubeBlocked) or exc.category is ErrorCategory.AUTH:
                self.refusal = exc
            raise
        video = Video.model_validate(info)
        if refusal := video.find_refusal():
            raise refusal
        track = video.captions_track()
        left_s = min(ends_at - time.monotonic(), _CAPTIONS_LIMIT_S)
        return Seen(info, self._find_captions(track, timeout_s=left_s) if track and left_s > 0 else None)

    def _open(self) -> "YouTubeSession":
        # Loading yt-dlp takes half a second, so it is imported with the first video.
        from .ytdlp.session import open_session  # noqa: PLC0415

        return self._stack.enter_context(open_session(proxy_url=self._proxy_url))

    def _extract(self, video_id: str, *, timeout_s: float) -> dict[str, Any]:
        session = self._session = self._session or self._open()
        with recorded_call(self._calls, provider=PROVIDER, operation="yt-dlp video", clock=self._clock) as call:
            try:
                info = session.extract(video_id, timeout_s=timeout_s)
            finally:
                call.status = session.status
            if info.get("_type") != "video":  # the trailer of a video that must be paid for
                raise failures.unsupported(failures.PAID)
            if info.get("id") != video_id:
                raise failures.unreadable()
            return read_info(info)

    def _find_captions(self, track: Track, *, timeout_s: float) -> Transcript | None:
        """Return the captions, or None if they cannot be loaded: the worker transcribes the video then."""
        session = self._session
        assert session is not None  # noqa: S101 - a video has been extracted
        try:
            with recorded_call(self._calls, provider=PROVIDER, operation="yt-dlp captions", clock=self._clock) as call:
                try:
                    body = session.read(track.url, timeout_s=timeout_s, max_bytes=MAX_CAPTIONS_BYTES)
                    return read_captions(body, track)
                except NotJson:
                    raise failures.unreadable() from None
                finally:
                    call.status = session.status
        except ProviderError:
            return None
