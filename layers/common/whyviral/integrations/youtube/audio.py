"""The sound of YouTube videos, for the worker: YouTube gives a file to the address that extracted its URL only."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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

_ENOUGH_FOR_SPEECH_KBIT = 70.0
_NO_PREFERENCE = -1
_DAMAGED = -10
_FORBIDDEN = 403


class YouTubeAudio:
    """Downloads the smallest file in which every word of the original can be heard."""

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
            should_stop: called before every request and every read; True ends the download.

        Raises:
            ProviderError: YouTube gives no such file, or only a larger one, or the download was stopped.
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
        # The URL of the file has expired or lost its signature: the second extraction gives another one.
        return download()

    def _download(
        self, video_id: str, folder: Path, *, max_bytes: int, timeout_s: float, should_stop: Callable[[], bool]
    ) -> Path:
        # Loading yt-dlp takes half a second, so it is imported with the first download.
        from .ytdlp.session import open_session  # noqa: PLC0415

        options = {
            "format": _choose_file,
            "max_filesize": max_bytes,
            "match_filter": _refuse,
            "outtmpl": {"default": "%(id)s.%(ext)s"},
            "paths": {"home": str(folder)},
            "continuedl": False,
            "fixup": "never",  # it would need ffmpeg, and the decoder reads the file without it
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
            if info.get("id") != video_id:  # the trailer of a video that must be paid for
                raise failures.unsupported(failures.PAID)
            if refusal := Video.model_validate(read_info(info)).find_refusal():
                raise refusal
            return _file_of(video_id, folder)


def _choose_file(context: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the file to download, as yt-dlp calls it; none if no file has sound."""
    if (file := choose_sound(context.get("formats") or ())) is not None:
        yield file


def choose_sound(files: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the smallest file with the words of the original sound, or None.

    The language comes before the size: a dub is a translation. A DRC variant, a damaged file and a file with pictures
    are taken only where nothing else has that sound. Only plain HTTPS files are taken: streams in pieces need a program
    beside yt-dlp.

    Args:
        files: `formats` of yt-dlp.
    """
    return min((file for file in files if _has_sound(file)), key=_rank, default=None)


def _has_sound(file: Mapping[str, Any]) -> bool:
    is_plain = file.get("protocol") == "https" and file.get("has_drm") is not True
    return is_plain and file.get("acodec") not in (None, "none")


def _rank(file: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the sort key of a file: language, damage, DRC, pictures, container, size."""
    preference = _number(file.get("language_preference"), otherwise=_NO_PREFERENCE)
    has_pictures = file.get("vcodec") not in (None, "none")
    kbit = _number(file.get("abr") or file.get("tbr"), otherwise=math.inf)
    is_small_enough = kbit <= _ENOUGH_FOR_SPEECH_KBIT and file.get("ext") == "m4a"
    return (
        -preference,
        _number(file.get("preference"), otherwise=0) <= _DAMAGED,
        "drc" in str(file.get("format_id")).lower(),
        has_pictures,
        file.get("ext") != "m4a",
        # Of the files that are small enough, the best; of the others, the smallest.
        not is_small_enough,
        -kbit if is_small_enough else kbit,
    )


def _number(value: Any, *, otherwise: float) -> float:
    return otherwise if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def _refuse(info: Mapping[str, Any], *, incomplete: bool = False) -> str | None:  # noqa: ARG001 - as yt-dlp calls it
    """Refuse a video that we do not take, such as a broadcast without an end, in the form that yt-dlp asks for."""
    refusal = Video.model_validate(info).find_refusal()
    return refusal.message if refusal else None


def _file_of(video_id: str, folder: Path) -> Path:
    # yt-dlp reports no error for a file above its size limit: the file is only missing.
    files = [file for file in folder.iterdir() if file.stem == video_id]
    if not files:
        raise failures.too_large()
    return files[0]
