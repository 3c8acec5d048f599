"""The sound of YouTube videos, for the worker: the addresses of their files are good for who asked for them only."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.call_recorder import recorded_call
from whyviral.integrations.ports.call_recorder import CallRecorder

from . import errors as failures
from .errors import PROVIDER
from .ids import is_video_id
from .posts import Video, read_info
from .proxies import checked_proxy_url

_SMALLEST_SPEECH = "ba[ext=m4a][abr<=70]/wa[ext=m4a]/wa/worst"
"""Speech needs no more than 48 kbit/s; the last choice is a file with pictures, where there is no sound alone."""
_FORBIDDEN = 403


class YouTubeAudio:
    """Downloads the smallest file in which every word can be heard."""

    def __init__(
        self,
        *,
        calls: CallRecorder,
        clock: Clock = utc_now,
        proxy_url: str | None = None,
        deno_path: str | None = None,
    ) -> None:
        """Args `deno_path`: the JavaScript runtime that YouTube's player needs; without one some files are missing."""
        self._calls = calls
        self._clock = clock
        self._proxy_url = checked_proxy_url(proxy_url)
        self._js_runtimes = {"deno": {"path": deno_path}} if deno_path else {}

    def download(
        self,
        video_id: str,
        folder: Path,
        *,
        max_bytes: int,
        timeout_s: float,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Path:
        """Store the sound of a video in `folder` and return its file, whose name ends in its format.

        Args:
            video_id: eleven characters.
            folder: exists, and holds no file of this video.
            max_bytes: of the file.
            timeout_s: for everything, a second try included.
            should_stop: asked all the time; whether to give up.

        Raises:
            ProviderError: there is no such file to be had, or only a larger one, or it was given up.
        """
        if not is_video_id(video_id):
            raise ProviderError(failures.NOT_A_VIDEO_ID, provider=PROVIDER, category=ErrorCategory.INVALID_URL)
        download = partial(
            self._download, video_id, folder, max_bytes=max_bytes, timeout_s=timeout_s / 2, should_stop=should_stop
        )
        try:
            return download()
        except ProviderError as exc:
            if exc.status != _FORBIDDEN or exc.category is not ErrorCategory.PROVIDER_ERROR:
                raise
        # The address of the file has expired or was spoilt: the second one is new.
        return download()

    def _download(
        self, video_id: str, folder: Path, *, max_bytes: int, timeout_s: float, should_stop: Callable[[], bool]
    ) -> Path:
        # yt-dlp takes half a second to load, which only those pay who download.
        from .ytdlp import open_session  # noqa: PLC0415

        options = {
            "format": _SMALLEST_SPEECH,
            "max_filesize": max_bytes,
            "match_filter": _refuse,
            "outtmpl": {"default": "%(id)s.%(ext)s"},
            "paths": {"home": str(folder)},
            "continuedl": False,
            "fixup": "never",  # it would need ffmpeg; what listens reads the file as it is
            "updatetime": False,
        }
        with (
            recorded_call(self._calls, provider=PROVIDER, operation="yt-dlp download", clock=self._clock) as call,
            open_session(
                proxy_url=self._proxy_url, js_runtimes=self._js_runtimes, options=options, should_stop=should_stop
            ) as session,
        ):
            try:
                info = session.download(video_id, timeout_s=timeout_s, max_bytes=max_bytes)
            finally:
                call.status = session.status
            if info.get("id") != video_id:  # the trailer of what must be paid for
                raise failures.unsupported(failures.PAID)
            if refusal := Video.model_validate(read_info(info)).find_refusal():
                raise refusal
            return _file_of(video_id, folder)


def _refuse(info: Mapping[str, Any], *, incomplete: bool = False) -> str | None:  # noqa: ARG001 - as yt-dlp calls it
    """Tell yt-dlp not to download what we do not take, such as a broadcast that has no end."""
    refusal = Video.model_validate(info).find_refusal()
    return refusal.message if refusal else None


def _file_of(video_id: str, folder: Path) -> Path:
    # yt-dlp says nothing where a file was larger than allowed: it is just not there.
    files = [file for file in folder.iterdir() if file.stem == video_id]
    if not files:
        raise failures.too_large()
    return files[0]
