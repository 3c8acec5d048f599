"""What becomes of each kind of record: the two of the contract, and everything that one may lack or misstate."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.instagram.posts import EMPTY_POST, lacks_its_video, read_record
from whyviral.integrations.ports.post_scraper import (
    MediaKind,
    ScrapedAuthor,
    ScrapedComment,
    ScrapedMedia,
    ScrapedPost,
    ScrapeFailure,
)

CDN = "https://scontent-fra3-1.cdninstagram.com"
PHOTO_URL = f"{CDN}/v/t51.82787-15/611000001_n.jpg?stp=dst-jpg_e35&ccb=7-5&oh=00_AfEXAMPLE1&oe=69742C80"
VIDEO_URL = f"{CDN}/o1/v/t16/f2/m69/AQOEXAMPLE.mp4?strext=1&vs=1a2b3c&oh=00_AfEXAMPLE2&oe=69710F40"
POSTER_URL = "https://scontent.fber1-1.fna.fbcdn.net/v/t51.71878-15/640000001_n.jpg?oh=00_AfEXAMPLE7&oe=69BD27F2"
OTHER_URL = f"{CDN}/v/t51.82787-15/611000002_n.jpg?oh=00_AfEXAMPLE3&oe=69742C80"

# Source of both shapes: the vendor's sample records, with invented values.
POST: dict[str, Any] = {
    "url": "https://www.instagram.com/p/DTq8Yc2kR1A/",
    "user_posted": "paper.kite_studio",
    "description": "Three kites, one storm.\n\n#kites",
    "num_comments": 1843,
    "date_posted": "2026-01-18T23:47:11.000Z",
    "likes": 214907,
    "photos": [PHOTO_URL],
    "videos": [VIDEO_URL],
    "latest_comments": [
        {"comments": "the second slide got me", "date_of_comment": "2026-01-19", "likes": 12, "profile_picture": None}
    ],
    "post_id": "3813125597560905024",
    "shortcode": "DTq8Yc2kR1A",
    "content_type": "Carousel",
    "product_type": "carousel_container",
    "thumbnail": OTHER_URL,
    "video_view_count": None,
    "video_play_count": 3402118,
    "followers": 482300,
    "is_verified": True,
    "is_paid_partnership": False,
    "post_content": [
        {"index": 0, "type": "Photo", "url": PHOTO_URL, "id": "3812000000000000001", "alt_text": "Photo."},
        {"index": 1, "type": "Video", "url": VIDEO_URL, "id": "3812000000000000002"},
    ],
    "audio": {"audio_asset_id": None, "original_audio_title": None},
    "profile_url": "https://www.instagram.com/paper.kite_studio",
    "videos_duration": [21.4],
    "images": [{"id": "3812000000000000001", "url": PHOTO_URL}],
    "photos_number": 1,
}
REEL: dict[str, Any] = {
    "url": "https://www.instagram.com/p/DVa01kXoT4s/",
    "user_posted": "lantern_house",
    "description": "we taught a crow to queue",
    "num_comments": 9120,
    "date_posted": "2026-03-03T19:40:02.000Z",
    "likes": 801233,
    "views": 5210044,
    "video_play_count": 11873902,
    "top_comments": [
        {
            "user_commenting": "marlow.b",
            "comment": "he is more patient than me",
            "date_of_comment": "2026-03-03T20:01:12.000Z",
            "likes": "18422",
        }
    ],
    "post_id": "3844617611516132908_6600000042",
    "shortcode": "DVa01kXoT4s",
    "product_type": "clips",
    "length": "18.466",
    "thumbnail": POSTER_URL,
    "video_url": VIDEO_URL,
    "audio_url": "https://www.instagram.com/reels/audio/613700000000001",
    "followers": 95120,
    "user_profile_url": "https://www.instagram.com/lantern_house",
    "is_paid_partnership": False,
    "is_verified": False,
}
IMAGE = POST | {"content_type": "Image", "videos": None, "post_content": None, "video_play_count": None}
VIDEO_POST = POST | {"content_type": "Reel", "photos": None, "post_content": None}


def read(record: dict[str, Any], **changes: Any) -> ScrapedPost:
    post = read_record(record | changes, post_id="DTq8Yc2kR1A")
    assert isinstance(post, ScrapedPost)
    return post


def media(record: dict[str, Any], **changes: Any) -> list[tuple[str, str, float | None]]:
    return [(medium.kind, medium.source_url, medium.duration_s) for medium in read(record, **changes).media]


def test_a_carousel_is_read_whole() -> None:
    assert read_record(POST, post_id="DTq8Yc2kR1A") == ScrapedPost(
        platform_post_id="DTq8Yc2kR1A",
        url="https://www.instagram.com/p/DTq8Yc2kR1A/",
        author=ScrapedAuthor("paper.kite_studio", followers=482300, is_verified=True),
        text="Three kites, one storm.\n\n#kites",
        posted_at=datetime(2026, 1, 18, 23, 47, 11, tzinfo=UTC),
        metrics={"likes": 214907, "comments": 1843, "views": 3402118},
        media=[
            ScrapedMedia(MediaKind.IMAGE, PHOTO_URL),
            ScrapedMedia(MediaKind.VIDEO, VIDEO_URL, duration_s=21.4),
        ],
        comments=[
            ScrapedComment("the second slide got me", likes=12, posted_at=datetime(2026, 1, 19, tzinfo=UTC)),
        ],
        details={"is_paid_partnership": False},
        raw={"record": POST},
    )


def test_a_reel_is_read_whole() -> None:
    assert read_record(REEL, post_id="DVa01kXoT4s") == ScrapedPost(
        platform_post_id="DVa01kXoT4s",
        url="https://www.instagram.com/p/DVa01kXoT4s/",
        author=ScrapedAuthor("lantern_house", followers=95120, is_verified=False),
        text="we taught a crow to queue",
        posted_at=datetime(2026, 3, 3, 19, 40, 2, tzinfo=UTC),
        metrics={"likes": 801233, "comments": 9120, "views": 11873902},
        media=[
            ScrapedMedia(MediaKind.VIDEO, VIDEO_URL, duration_s=18.466),
            ScrapedMedia(MediaKind.THUMBNAIL, POSTER_URL),
        ],
        comments=[
            ScrapedComment(
                "he is more patient than me",
                author="marlow.b",
                likes=18422,
                posted_at=datetime(2026, 3, 3, 20, 1, 12, tzinfo=UTC),
            )
        ],
        details={"is_paid_partnership": False},
        raw={"record": REEL},
    )


def test_a_record_of_nothing_but_nulls_and_a_caption_is_a_post() -> None:
    nothing = dict.fromkeys(POST | REEL)

    assert read(nothing, description="Hello.") == ScrapedPost(
        platform_post_id="DTq8Yc2kR1A",
        url="https://www.instagram.com/p/DTq8Yc2kR1A/",
        author=ScrapedAuthor(""),
        text="Hello.",
        posted_at=None,
        metrics={},
        media=[],
        comments=[],
        raw={"record": nothing | {"description": "Hello."}},
    )
    assert read({"description": "Hello."}).metrics == {}


@pytest.mark.parametrize("value", ["x", 5, -1, True, [], {}, [None], [[]], {"a": 1}, [{"url": 5}], 10**30, "9" * 99])
def test_a_field_of_any_other_type_is_absent_and_never_a_failure(value: Any) -> None:
    record = dict.fromkeys((POST | REEL).keys() - {"description", "shortcode"}, value)

    post = read(record, description="Hello.")

    assert (post.text, post.media) == ("Hello.", [])
    assert all(type(count) is int and count >= 0 for count in post.metrics.values())
    json.dumps(post.raw)


@pytest.mark.parametrize(
    ("changes", "views"),
    [
        ({"video_play_count": "3402118"}, 3402118),
        ({"video_play_count": None, "video_view_count": "1890"}, 1890),
        ({"video_play_count": 0, "views": 12}, 12),
        ({"video_play_count": 7, "views": 12, "video_view_count": 99}, 7),
        ({"video_play_count": "many", "video_view_count": 5}, 5),
        ({"video_play_count": -4}, None),
        ({"video_play_count": None, "engagement_score_view": 5}, None),
    ],
)
def test_plays_are_preferred_to_views_and_numbers_may_be_text(changes: dict[str, Any], views: int | None) -> None:
    assert read(VIDEO_POST, **changes).metrics.get("views") == views


@pytest.mark.parametrize(
    ("likes", "plays", "told"),
    [
        (None, 1890, None),
        (0, 1890, None),
        (0, None, None),
        (3, 1890, None),
        ("3", 1890, None),
        (10, 5_001, None),
        (10, 5_000, 10),
        (11, 1_000_000, 11),
        (3, 1_000, 3),
        (3, None, 3),
        ("214907", 1890, 214907),
    ],
)
def test_a_like_count_that_instagram_hides_is_absent_and_not_zero(likes: Any, plays: Any, told: int | None) -> None:
    assert read(VIDEO_POST, likes=likes, video_play_count=plays).metrics.get("likes") == told


def test_no_comments_are_a_count() -> None:
    assert read(POST, num_comments=0).metrics["comments"] == 0


def test_a_photo_comes_alone_and_once() -> None:
    again = [{"index": 0, "type": "Photo", "url": OTHER_URL}]

    assert media(IMAGE) == [("image", PHOTO_URL, None)]
    assert media(IMAGE, post_content=again) == [("image", PHOTO_URL, None)]


@pytest.mark.parametrize(
    "changes",
    [
        {"photos": None},
        {"photos": None, "images": None, "post_content": [{"type": "Photo", "url": PHOTO_URL}]},
        {"photos": [], "images": [], "thumbnail": PHOTO_URL},
        {"photos": [None, 5, "x", PHOTO_URL], "content_type": None, "product_type": None},
    ],
)
def test_a_photo_is_found_in_each_field_of_the_vendor(changes: dict[str, Any]) -> None:
    assert media(IMAGE, **changes) == [("image", PHOTO_URL, None)]


def test_photos_without_an_order_keep_that_of_the_record() -> None:
    assert media(IMAGE, photos=[OTHER_URL, PHOTO_URL]) == [("image", OTHER_URL, None), ("image", PHOTO_URL, None)]
    assert media(POST, post_content=None) == [("image", PHOTO_URL, None), ("video", VIDEO_URL, 21.4)]


def test_a_carousel_keeps_its_order_however_its_items_come() -> None:
    items = [
        {"index": "2", "type": "photo", "url": OTHER_URL},
        {"type": "Photo", "url": POSTER_URL},
        {"index": 1, "type": "VIDEO", "url": VIDEO_URL},
        None,
        {"index": 0, "type": "Photo", "url": PHOTO_URL},
        {"index": 3, "type": "Photo", "url": None},
    ]

    assert media(POST, post_content=items) == [
        ("image", PHOTO_URL, None),
        ("video", VIDEO_URL, 21.4),
        ("image", OTHER_URL, None),
        ("image", POSTER_URL, None),
    ]


def test_a_carousel_of_videos_gives_each_its_length() -> None:
    items = [{"index": index, "type": "Video", "url": VIDEO_URL} for index in range(3)]

    lengths = [duration_s for *_, duration_s in media(POST, post_content=items, videos_duration=[1.5, None, "3"])]

    assert lengths == [1.5, None, 3.0]


def test_an_endless_carousel_is_cut() -> None:
    items = [{"index": index, "type": "Photo", "url": PHOTO_URL} for index in range(500)]

    assert len(media(POST, post_content=items)) == 20


@pytest.mark.parametrize("duration", [21.4, "21.4", [21.4], ["21.4", 3]])
def test_a_length_is_a_number_a_text_or_a_list(duration: Any) -> None:
    assert media(VIDEO_POST, videos_duration=duration)[0] == ("video", VIDEO_URL, 21.4)


@pytest.mark.parametrize("length", [None, "", "nan", "inf", "-1", "1e300", "long", [], {}])
def test_a_length_that_no_video_has_is_absent(length: Any) -> None:
    assert media(REEL, length=length)[0] == ("video", VIDEO_URL, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"content_type": "Reel"},
        {"content_type": "VIDEO"},
        {"content_type": None, "product_type": "clips"},
        {"content_type": None, "post_content": [{"type": "Video", "url": VIDEO_URL}], "videos": None},
    ],
)
def test_a_video_comes_with_its_poster(changes: dict[str, Any]) -> None:
    assert media(VIDEO_POST, **changes) == [("video", VIDEO_URL, 21.4), ("thumbnail", OTHER_URL, None)]


@pytest.mark.parametrize("videos", [None, [], [None], ["https://evil.example/1.mp4"]])
def test_a_video_without_its_file_is_noticed(videos: Any) -> None:
    assert lacks_its_video(VIDEO_POST | {"videos": videos})


@pytest.mark.parametrize("record", [POST, REEL, IMAGE, VIDEO_POST, {}])
def test_nothing_else_is_taken_for_it(record: dict[str, Any]) -> None:
    assert not lacks_its_video(record)


@pytest.mark.parametrize(
    "url",
    [
        "http://scontent.cdninstagram.com/a.jpg",
        "https://cdninstagram.com/a.jpg",
        "https://evilcdninstagram.com/a.jpg",
        "https://scontent.cdninstagram.com.evil.io/a.jpg",
        "https://scontent.cdninstagram.com@evil.io/a.jpg",
        "https://evil.io\\@scontent.cdninstagram.com/a.jpg",
        "https://scontent.cdninstagram.com:8443/a.jpg",
        "https://evil.io/scontent.cdninstagram.com/a.jpg",
        "https://127.0.0.1/a.jpg",
        "https://[::1]/a.jpg",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//scontent.cdninstagram.com/a.jpg",
        "https://scontent.cdninstagram.com/a b.jpg",
        "https://scontent.cdninstagram.com/" + "a" * 5000,
        "",
    ],
)
def test_an_address_that_is_not_instagrams_is_never_fetched(url: str) -> None:
    changes = {"images": None, "thumbnail": url, "video_url": url, "post_content": [{"type": "Photo", "url": url}]}

    assert media(IMAGE, photos=[url], **changes) == []
    assert media(REEL, video_url=url, thumbnail=url) == []


@pytest.mark.parametrize("host", ["scontent", "scontent-fra3-1", "SCONTENT"])
@pytest.mark.parametrize("domain", ["cdninstagram.com", "fna.fbcdn.net", "fbcdn.net"])
def test_every_host_of_instagram_will_do(host: str, domain: str) -> None:
    url = f"https://{host}.{domain}/v/a.jpg?stp=dst&oe=69742C80"

    assert media(IMAGE, photos=[url]) == [("image", url, None)]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "paper.kite_studio"),
        ({"user_posted": None}, "paper.kite_studio"),
        ({"user_posted": "<b>"}, "paper.kite_studio"),
        ({"user_posted": None, "profile_url": None, "user_profile_url": "https://www.instagram.com/a.b/"}, "a.b"),
        ({"user_posted": None, "profile_url": "https://evil.example/x"}, ""),
    ],
)
def test_the_author_is_the_handle_or_the_name_in_the_profile(changes: dict[str, Any], name: str) -> None:
    assert read(POST, **changes).author.username == name


@pytest.mark.parametrize("date", [None, "", "yesterday", 5, "0001-01-01T00:00:00+23:59"])
def test_an_invalid_date_is_absent(date: Any) -> None:
    assert read(POST, date_posted=date).posted_at is None


@pytest.mark.parametrize("field", ["latest_comments", "top_comments"])
def test_comments_are_read_in_the_words_of_both_datasets_and_bad_ones_left_out(field: str) -> None:
    comments = [
        None,
        "text",
        {"comments": "one", "likes": "7"},
        {"comment": "two", "user_commenting": "a b", "likes": "many", "date_of_comment": "long ago"},
        {"comments": "", "likes": 3},
        {"likes": 5},
    ]

    post = read(IMAGE | {"latest_comments": None, field: comments})

    assert post.comments == [ScrapedComment("one", likes=7), ScrapedComment("two")]


def test_only_so_many_comments_are_kept() -> None:
    assert len(read(IMAGE, latest_comments=[{"comments": "x"}] * 500).comments) == 50


def test_sound_and_partnership_are_kept() -> None:
    audio = {"original_audio_title": "Caw (slowed)", "ig_artist_username": "crow"}

    assert read(REEL, audio=audio, is_paid_partnership=True).details == {
        "sound": "Caw (slowed)",
        "is_paid_partnership": True,
    }
    assert read(REEL, audio=None, is_paid_partnership=None).details == {}


@pytest.mark.parametrize("description", [None, "", "  \n", 5])
def test_a_post_without_words_and_media_is_unsupported(description: Any) -> None:
    empty = {"description": description, "thumbnail": POSTER_URL, "product_type": "clips"}

    assert read_record(empty, post_id="A1") == ScrapeFailure("A1", ErrorCategory.UNSUPPORTED, EMPTY_POST)


def test_text_is_cut_and_an_absurdly_large_record_is_not_kept_whole() -> None:
    post = read(IMAGE, description="b" * 300_000)

    assert (len(post.text), post.raw) == (30_000, {"record": None})


@pytest.mark.parametrize(
    ("likes", "count"), [("1,234", 1234), ("12,345,678", 12345678), ("12.3K", None), ("1,23", None)]
)
def test_a_count_as_text_is_read_unless_it_is_rounded(likes: str, count: int | None) -> None:
    outcome = read_record({"user_posted": "kites", "description": "A kite.", "likes": likes}, post_id="CtnPcJU8aWK")

    assert isinstance(outcome, ScrapedPost)
    assert outcome.metrics.get("likes") == count


@pytest.mark.parametrize("text", ["\u3164", "\u2800\u2800", "\u200b", "\ufe0f"])
def test_a_caption_that_shows_nothing_is_no_text(text: str) -> None:
    outcome = read_record({"user_posted": "kites", "description": text}, post_id="CtnPcJU8aWK")

    assert isinstance(outcome, ScrapeFailure)
    assert outcome.category is ErrorCategory.UNSUPPORTED
