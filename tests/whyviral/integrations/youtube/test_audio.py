"""The sound of videos, downloaded by the real yt-dlp."""

import base64
import gc
from pathlib import Path
from typing import Any

import av
import pytest

from local.stand_ins.scenario.posts import SAMPLES
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from tests.fixtures.youtube import BAD_ID, GOOD_ID, add_video, refuse_video
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.youtube.audio import YouTubeAudio, choose_sound
from whyviral.integrations.youtube.errors import YouTubeBlocked
from whyviral.vendor_calls.calls import CallCollector

CLIP = (SAMPLES / "short-spoken.mp4").read_bytes()
UNREADABLE = b"A video in which nobody finds the sound."


def media(content: bytes) -> list[dict[str, str]]:
    return [{"kind": "video", "filename": "clip.mp4", "file_base64": base64.b64encode(content).decode()}]


MEDIA = media(CLIP)
MEDIA_PATH = "/media/videoplayback"


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def audio(local_endpoints: Endpoints, calls: CallCollector) -> YouTubeAudio:
    return YouTubeAudio(calls=calls)


def download(audio: YouTubeAudio, folder: Path, **limits: Any) -> Path:
    return audio.download(GOOD_ID, folder, **{"max_bytes": 10_000_000, "timeout_s": WAIT_S} | limits)


def failure(audio: YouTubeAudio, folder: Path, **limits: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        download(audio, folder, **limits)
    assert [*folder.glob("*.mp4"), *folder.glob("*.m4a")] == []
    return caught.value


def test_the_sound_alone_is_stored_where_there_is_one(
    stand_ins: StandInsClient, audio: YouTubeAudio, calls: CallCollector, tmp_path: Path
) -> None:
    add_video(stand_ins, media=MEDIA)

    path = download(audio, tmp_path)

    assert path == tmp_path / f"{GOOD_ID}.m4a"
    assert 0 < path.stat().st_size < len(CLIP)
    with av.open(path) as file:
        assert [stream.type for stream in file.streams] == ["audio"]
        assert float(file.duration or 0) / av.time_base == pytest.approx(11, abs=1)
    assert [(call.provider, call.operation, call.status, call.error_category) for call in calls.drain()] == [
        ("youtube", "yt-dlp download", 206, None)
    ]


def test_without_sound_alone_the_whole_file_is_stored(
    stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path
) -> None:
    add_video(stand_ins, media=media(UNREADABLE))

    path = download(audio, tmp_path)

    assert path == tmp_path / f"{GOOD_ID}.mp4"
    assert path.read_bytes() == UNREADABLE


def test_a_file_that_is_too_large_is_not_stored(stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path) -> None:
    add_video(stand_ins, media=media(UNREADABLE))

    error = failure(audio, tmp_path, max_bytes=len(UNREADABLE) - 1)

    assert (error.category, error.is_transient) == (ErrorCategory.MEDIA_ERROR, False)


def test_a_file_of_exactly_the_limit_is_stored(stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path) -> None:
    add_video(stand_ins, media=media(UNREADABLE))

    assert download(audio, tmp_path, max_bytes=len(UNREADABLE)).read_bytes() == UNREADABLE


def test_a_file_that_is_forbidden_once_is_asked_for_again(
    stand_ins: StandInsClient, audio: YouTubeAudio, calls: CallCollector, tmp_path: Path
) -> None:
    add_video(stand_ins, media=media(UNREADABLE))
    stand_ins.fault("youtube", "status", status=403, path=MEDIA_PATH, times=1)

    assert download(audio, tmp_path).read_bytes() == UNREADABLE
    assert [call.error_category for call in calls.drain()] == [ErrorCategory.PROVIDER_ERROR, None]


def test_a_file_that_stays_forbidden_is_given_up(
    stand_ins: StandInsClient, audio: YouTubeAudio, calls: CallCollector, tmp_path: Path
) -> None:
    add_video(stand_ins, media=MEDIA)
    stand_ins.fault("youtube", "status", status=403, path=MEDIA_PATH)

    error = failure(audio, tmp_path)

    assert (error.category, error.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)
    assert len(calls.drain()) == 2


@pytest.mark.parametrize(
    ("fields", "category"),
    [
        ({"raw": {"live": "now"}}, ErrorCategory.UNSUPPORTED),
        ({"raw": {"duration_s": 4 * 3600 + 1}}, ErrorCategory.UNSUPPORTED),
        ({"raw": {"player": {"streamingData": {}}}}, ErrorCategory.PROVIDER_ERROR),
        ({"media": []}, ErrorCategory.PROVIDER_ERROR),
    ],
)
def test_a_video_without_a_file_or_an_end_is_not_downloaded(
    stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path, fields: dict[str, Any], category: ErrorCategory
) -> None:
    add_video(stand_ins, **{"media": MEDIA} | fields)

    assert failure(audio, tmp_path).category is category


def test_a_refused_download_has_the_category_of_the_scraper(
    stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path
) -> None:
    refuse_video(stand_ins, GOOD_ID, status="LOGIN_REQUIRED", reason="Private video")

    assert failure(audio, tmp_path).category is ErrorCategory.PRIVATE


def test_an_address_that_is_limited_says_so(stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path) -> None:
    add_video(stand_ins, media=MEDIA)
    stand_ins.fault("youtube", "status", status=429, path=MEDIA_PATH)

    assert isinstance(failure(audio, tmp_path), YouTubeBlocked)


def test_a_download_ends_in_time(stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path) -> None:
    add_video(stand_ins, media=MEDIA)
    stand_ins.fault("youtube", "timeout", path=MEDIA_PATH)

    assert failure(audio, tmp_path, timeout_s=1.4).category is ErrorCategory.TIMEOUT


def test_an_invalid_id_is_never_sent(stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        audio.download("https://evil.example/x", tmp_path, max_bytes=1, timeout_s=WAIT_S)

    assert caught.value.category is ErrorCategory.INVALID_URL
    assert stand_ins.calls("youtube") == []


# yt-dlp leaves the connection that it was reading from to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_a_download_stops_when_the_caller_asks_for_it(
    stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path
) -> None:
    add_video(stand_ins, media=MEDIA)

    failure(audio, tmp_path, should_stop=lambda: bool(stand_ins.calls("youtube")))

    assert len(stand_ins.calls("youtube")) == 1
    gc.collect()


def stream(video_id: str, track: str, name: str, **fields: Any) -> dict[str, Any]:
    url = f"https://rr1---sn-standin.googlevideo.com/videoplayback?id={video_id}&itag=140&track={track}"
    audio_track = {"id": f"{track}.4", "displayName": name, "audioIsDefault": False}
    return {"itag": 140, "url": url, "mimeType": 'audio/mp4; codecs="mp4a.40.2"', "audioTrack": audio_track} | fields


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_original_sound_is_stored_and_not_a_dub(
    stand_ins: StandInsClient, audio: YouTubeAudio, tmp_path: Path, place: int
) -> None:
    dubs = [stream(BAD_ID, "hi", "Hindi", bitrate=30_000), stream(BAD_ID, "es", "Spanish", bitrate=40_000)]
    streams = [*dubs[:place], stream(GOOD_ID, "en", "English original", bitrate=130_000), *dubs[place:]]
    add_video(stand_ins, BAD_ID, media=media(UNREADABLE))  # its address has nothing under itag 140
    add_video(stand_ins, media=MEDIA, raw={"player": {"streamingData": {"adaptiveFormats": streams}}})

    path = download(audio, tmp_path)

    with av.open(path) as file:
        assert float(file.duration or 0) / av.time_base == pytest.approx(11, abs=1)


def sound(number: str, **fields: Any) -> dict[str, Any]:
    known = {"format_id": number, "protocol": "https", "acodec": "mp4a.40.5", "vcodec": "none", "ext": "m4a"}
    return known | {"language_preference": -1, "abr": 48.0} | fields


HINDI, SPANISH = sound("140-0", language="hi", abr=20.0), sound("140-1", language="es", abr=20.0)


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ([HINDI, SPANISH, sound("140-2", language="en", language_preference=10, abr=128.0)], "140-2"),
        ([HINDI, SPANISH, sound("140-2", language="en", language_preference=5, abr=128.0)], "140-2"),
        ([sound("140-desc", language_preference=-10, abr=10.0), sound("140")], "140"),
        ([sound("139-drc", abr=40.0), sound("140", abr=128.0)], "140"),
        ([sound("139-drc", abr=40.0)], "139-drc"),
        ([sound("139-drc", language_preference=10), sound("140", language="es")], "139-drc"),
        ([sound("139", preference=-10), sound("140", abr=128.0)], "140"),
        ([sound("139"), sound("599", abr=31.0), sound("140", abr=128.0)], "139"),
        ([sound("140", abr=128.0), sound("141", abr=256.0)], "140"),
        ([sound("249", ext="webm", abr=50.0), sound("140", abr=128.0)], "140"),
        ([sound("251", ext="webm", abr=160.0), sound("249", ext="webm", abr=50.0)], "249"),
        ([sound("18", vcodec="avc1", ext="mp4", abr=None), sound("140", abr=None, tbr=None)], "140"),
        ([sound("18", vcodec="avc1", ext="mp4", abr=None)], "18"),
        ([sound("233", protocol="m3u8_native"), sound("140", abr=128.0)], "140"),
        ([sound("140", has_drm=True)], None),
        ([sound("160", acodec="none"), sound("sb0", acodec=None)], None),
        ([], None),
    ],
)
def test_language_comes_before_size(files: list[dict[str, Any]], chosen: str | None) -> None:
    found = choose_sound(files)
    turned = choose_sound(files[::-1])

    assert (found and found["format_id"]) == chosen
    assert turned == found
