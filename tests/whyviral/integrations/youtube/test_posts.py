"""What hostile or half answers of yt-dlp become."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyviral.integrations.ports.post_scraper import ScrapedAuthor
from whyviral.integrations.youtube.posts import Video, read_info, read_video

VIDEO_ID = "goodVideo-1"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def test_an_answer_without_anything_is_still_a_post() -> None:
    post = read_video({}, video_id=VIDEO_ID)

    assert post.author == ScrapedAuthor(username="unknown")
    assert (post.text, post.posted_at, post.metrics, post.details) == ("", None, {}, {})
    assert [medium.source_url for medium in post.media] == [
        f"https://www.youtube.com/watch?v={VIDEO_ID}",
        f"https://i.ytimg.com/vi/{VIDEO_ID}/hqdefault.jpg",
    ]


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(Video.model_fields)), JSON_VALUES))
def test_a_post_of_any_field_values_can_be_stored(info: dict[str, Any]) -> None:
    post = read_video(read_info(info), video_id=VIDEO_ID)

    stored = json.dumps([post.metrics, post.details, post.raw, post.text], allow_nan=False, ensure_ascii=False)
    assert "\x00" not in stored
    stored.encode()
    assert all(0 <= count <= 10**15 for count in post.metrics.values())


def test_very_long_fields_are_cut() -> None:
    info = {
        "title": "t" * 50_000,
        "description": "d" * 300_000,
        "tags": ["x" * 1000] * 500,
        "heatmap": [{"start_time": 0, "end_time": 1, "value": 1}] * 5000,
        "chapters": [{"start_time": 0, "title": "c"}] * 5000,
        "duration": 10,
    }

    post = read_video(read_info(info), video_id=VIDEO_ID)

    assert len(post.text) == 30_000
    assert {name: len(post.details[name]) for name in ("title", "tags", "most_replayed", "chapters")} == {
        "title": 200,
        "tags": 100,
        "most_replayed": 200,
        "chapters": 200,
    }
    assert post.raw["video"] is None


@pytest.mark.parametrize(
    "url",
    [
        "https://i.ytimg.com.evil.example/vi/goodVideo-1/hqdefault.jpg",
        "http://i.ytimg.com/vi/goodVideo-1/hqdefault.jpg",
        "https://i.ytimg.com/vi/otherVideo1/hqdefault.jpg",
        "https://i.ytimg.com/vi/goodVideo-1/../../x.jpg",
        "https://user@i.ytimg.com/vi/goodVideo-1/hqdefault.jpg",
    ],
)
def test_a_thumbnail_of_another_place_is_replaced(url: str) -> None:
    post = read_video({"thumbnail": url}, video_id=VIDEO_ID)

    assert post.media[1].source_url == "https://i.ytimg.com/vi/goodVideo-1/hqdefault.jpg"


def test_the_best_thumbnail_is_kept() -> None:
    url = "https://i.ytimg.com/vi/goodVideo-1/maxresdefault.jpg"

    assert read_video({"thumbnail": url}, video_id=VIDEO_ID).media[1].source_url == url


@pytest.mark.parametrize(
    ("info", "username"),
    [
        ({"uploader_id": "@kites", "channel": "Kites", "channel_id": "UC" + "a" * 22}, "kites"),
        ({"channel": "Kites", "channel_id": "UC" + "a" * 22}, "Kites"),
        ({"channel_id": "UC" + "a" * 22}, "UC" + "a" * 22),
    ],
)
def test_a_channel_is_named_by_its_handle_then_title_then_id(info: dict[str, Any], username: str) -> None:
    assert read_video(info, video_id=VIDEO_ID).author.username == username


@pytest.mark.parametrize(
    ("info", "moment"),
    [
        ({"timestamp": 1790586000, "upload_date": "20200101"}, datetime(2026, 9, 28, 9, tzinfo=UTC)),
        ({"upload_date": "20260928"}, datetime(2026, 9, 28, tzinfo=UTC)),
        ({"upload_date": "soon"}, None),
        ({"timestamp": 10**15}, None),
    ],
)
def test_a_day_is_better_than_no_time(info: dict[str, Any], moment: datetime | None) -> None:
    assert read_video(info, video_id=VIDEO_ID).posted_at == moment


def test_the_title_of_its_music_is_kept() -> None:
    assert read_video({"track": "A song"}, video_id=VIDEO_ID).details == {"sound": "A song"}


def in_languages(*languages: tuple[str, int], claimed: str | None = None) -> str | None:
    formats = [{"language": language, "language_preference": preference} for language, preference in languages]
    return Video.model_validate({"formats": [*formats, {"width": 1}, None], "language": claimed}).speech_language


@pytest.mark.parametrize(
    ("languages", "claimed", "spoken"),
    [
        ([("de-DE", -1), ("en-US", 10)], None, "en-US"),
        ([("de-DE", -1), ("en-US", 5)], "de", "en-US"),
        ([("hi", -1), ("es", -1)], None, None),
        ([("hi", -1), ("es", -1)], "es", "es"),
        ([("en", -1), ("en-US", -1)], None, "en"),
        ([("en-desc", -10)], None, "en"),
        ([("en-desc", -10), ("fr", -1)], None, "fr"),
        ([("iw", -1)], None, "he"),
        ([], "pt_BR", "pt-BR"),
        ([], None, None),
    ],
)
def test_the_language_is_that_of_the_original_sound(
    languages: list[tuple[str, int]], claimed: str | None, spoken: str | None
) -> None:
    assert in_languages(*languages, claimed=claimed) == spoken
