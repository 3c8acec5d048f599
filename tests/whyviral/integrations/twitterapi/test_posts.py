"""What becomes of each kind of tweet, over HTTP: `raw` says what the stand-in tells otherwise than usual."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.post_scraper import asks_for
from tests.fixtures.stand_ins import StandInsClient
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedAuthor, ScrapedMedia, ScrapedPost, ScrapeFailure
from whyviral.integrations.twitterapi.scraper import TwitterApiScraper
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

type Scrape = Callable[..., ScrapedPost | ScrapeFailure]

LINK = "https://t.co/AbCdEf1234"
POSTER = "https://pbs.twimg.com/amplify_video_thumb/1/img/Zz1.jpg"
PLAYLIST = {"content_type": "application/x-mpegURL", "url": "https://video.twimg.com/1/pl/Qq1.m3u8?tag=21"}


@pytest.fixture
def scrape(stand_ins: StandInsClient, local_endpoints: Endpoints) -> Scrape:
    """Return a function that publishes a post and scrapes it."""

    def scrape(raw: dict[str, Any] | None = None, **fields: Any) -> ScrapedPost | ScrapeFailure:
        stand_ins.add_post(id="101", raw=raw or {}, **fields)
        return TwitterApiScraper("stand-in", calls=CallCollector(), prices=PRICES).fetch_posts(asks_for("101"))["101"]

    return scrape


def _post(outcome: ScrapedPost | ScrapeFailure) -> ScrapedPost:
    assert isinstance(outcome, ScrapedPost)
    return outcome


def _failure(outcome: ScrapedPost | ScrapeFailure) -> ScrapeFailure:
    assert isinstance(outcome, ScrapeFailure)
    return outcome


def _mp4(bitrate: int | None, name: str = "vid") -> dict[str, Any]:
    return {"content_type": "video/mp4", "bitrate": bitrate, "url": f"https://video.twimg.com/1/{name}.mp4?tag=21"}


def _video(*variants: dict[str, Any], kind: str = "video", **fields: Any) -> dict[str, Any]:
    info = {"duration_millis": 24340, "variants": [PLAYLIST, *variants]}
    return {"media_key": "13_1", "type": kind, "media_url_https": POSTER, "url": LINK, "video_info": info} | fields


def _with_media(*media: Any) -> dict[str, Any]:
    return {"extendedEntities": {"media": list(media)}}


def _photo(url: str) -> dict[str, Any]:
    return {"media_key": "3_1", "type": "photo", "media_url_https": url, "url": LINK}


@pytest.mark.parametrize("views", [None, 0, -1, "12", True, 1.5, 10**30])
def test_an_invalid_view_count_is_absent(scrape: Scrape, views: Any) -> None:
    assert "views" not in _post(scrape({"viewCount": views})).metrics


def test_a_count_of_zero_is_a_count_except_for_views(scrape: Scrape) -> None:
    post = _post(scrape({"likeCount": 0, "viewCount": 0, "bookmarkCount": None}))

    assert post.metrics == {"likes": 0, "comments": 2, "shares": 1, "quotes": 0}


@pytest.mark.parametrize(
    "created_at",
    ["Thu Aug 14 07:37:46 +0000 2025", "2025-08-14T07:37:46Z", "2025-08-14T09:37:46+02:00", "2025-08-14 07:37:46"],
)
def test_the_date_is_read_in_each_format(scrape: Scrape, created_at: str) -> None:
    assert _post(scrape({"createdAt": created_at})).posted_at == datetime(2025, 8, 14, 7, 37, 46, tzinfo=UTC)


@pytest.mark.parametrize("created_at", [None, "", "yesterday", 5, "0001-01-01T00:00:00+23:59", "Thu Foo 14"])
def test_an_invalid_date_is_absent(scrape: Scrape, created_at: Any) -> None:
    assert _post(scrape({"createdAt": created_at})).posted_at is None


@pytest.mark.parametrize(
    ("lang", "language"),
    [
        ("en", "en"),
        ("pt-BR", "pt-BR"),
        ("in", "id"),
        ("iw", "he"),
        ("und", None),
        ("qme", None),
        ("zxx", None),
        ("<b>", None),
    ],
)
def test_the_language_is_kept_when_it_is_one(scrape: Scrape, lang: str, language: str | None) -> None:
    assert _post(scrape({"lang": lang})).language == language


def test_the_author_is_described(scrape: Scrape) -> None:
    author = {"userName": "paperkite", "name": "Paper Kite", "followers": 88213, "isBlueVerified": True}

    post = _post(scrape({"author": author}))

    assert post.author == ScrapedAuthor("paperkite", display_name="Paper Kite", followers=88213, is_verified=True)


@pytest.mark.parametrize(
    ("author", "category"),
    [
        (None, ErrorCategory.REMOVED),
        ([], ErrorCategory.REMOVED),
        ({"userName": None}, ErrorCategory.REMOVED),
        ({"userName": "../evil"}, ErrorCategory.REMOVED),
        ({"unavailable": True, "unavailableReason": "Suspended"}, ErrorCategory.REMOVED),
        ({"unavailable": True, "unavailableReason": "Protected"}, ErrorCategory.PRIVATE),
        ({"unavailable": True, "message": "This account is protected."}, ErrorCategory.PRIVATE),
    ],
)
def test_a_post_whose_author_is_gone_is_private_or_removed(
    scrape: Scrape, author: Any, category: ErrorCategory
) -> None:
    assert _failure(scrape({"author": author})).category is category


def test_a_repost_is_read_as_the_post_it_repeats_under_the_id_that_was_asked(scrape: Scrape) -> None:
    original = {
        "id": "55",
        "text": "The original.",
        "likeCount": 77,
        "author": {"userName": "original"},
        "createdAt": "Tue Nov 04 02:18:38 +0000 2025",
        **_with_media(_photo("https://pbs.twimg.com/media/a.jpg")),
    }

    post = _post(scrape({"text": "RT @original: The orig…", "retweeted_tweet": original}))

    assert (post.platform_post_id, post.url, post.text, post.author.username, post.metrics) == (
        "101",
        "https://x.com/i/status/101",
        "The original.",
        "original",
        {"likes": 77},
    )
    assert [medium.source_url for medium in post.media] == ["https://pbs.twimg.com/media/a.jpg"]


@pytest.mark.parametrize("retweeted", [None, "x", 5])
def test_a_repost_of_something_gone_is_unsupported(scrape: Scrape, retweeted: Any) -> None:
    outcome = scrape({"text": "RT @original: The orig…", "retweeted_tweet": retweeted})

    assert _failure(outcome).category is ErrorCategory.UNSUPPORTED


@pytest.mark.parametrize(("millis", "duration_s"), [(10**10 - 1, 9_999_999.999), (10**10, None), (-1, None)])
def test_a_length_that_no_video_has_is_absent(scrape: Scrape, millis: int, duration_s: float | None) -> None:
    info = {"duration_millis": millis, "variants": [_mp4(632_000)]}

    video, _ = _post(scrape(_with_media(_video(video_info=info)))).media

    assert video.duration_s == duration_s


QUOTED = {
    "id": "55",
    "text": f"The quoted one. {LINK}",
    "author": {"userName": "other"},
    "extendedEntities": {"media": [_photo("https://pbs.twimg.com/media/quoted.jpg")]},
}


def test_a_quote_has_the_quoted_post_and_its_media(scrape: Scrape) -> None:
    post = _post(scrape({"quoted_tweet": QUOTED}))

    assert post.details == {
        "quoted_post": {"username": "other", "text": "The quoted one.", "url": "https://x.com/i/status/55"}
    }
    assert post.media == [ScrapedMedia(MediaKind.IMAGE, "https://pbs.twimg.com/media/quoted.jpg")]


def test_a_quote_with_media_of_its_own_keeps_to_them(scrape: Scrape) -> None:
    own = _photo("https://pbs.twimg.com/media/own.jpg")

    post = _post(scrape({"quoted_tweet": QUOTED, **_with_media(own)}))

    assert post.media == [ScrapedMedia(MediaKind.IMAGE, "https://pbs.twimg.com/media/own.jpg")]


def test_a_quote_without_text_has_the_quoted_media(scrape: Scrape) -> None:
    assert len(_post(scrape({"text": "", "quoted_tweet": QUOTED})).media) == 1


@pytest.mark.parametrize(
    ("quoted", "details"),
    [
        (None, {}),
        ("x", {}),
        ({"id": "55", "text": "x"}, {}),
        ({"id": "55", "author": {"userName": "../evil"}}, {}),
        (
            {"id": "javascript:1", "text": "x", "author": {"userName": "other"}},
            {"quoted_post": {"username": "other", "text": "x", "url": None}},
        ),
    ],
)
def test_a_malformed_quoted_post_is_absent(scrape: Scrape, quoted: Any, details: dict[str, Any]) -> None:
    assert _post(scrape({"quoted_tweet": quoted})).details == details


@pytest.mark.parametrize(
    ("raw", "details"),
    [
        (
            {"inReplyToId": "54", "inReplyToUsername": "kim"},
            {"replied_to": {"username": "kim", "post_id": "54"}},
        ),
        ({"inReplyToId": "54", "inReplyToUsername": None}, {"replied_to": {"username": None, "post_id": "54"}}),
        ({"inReplyToId": "../54", "inReplyToUsername": "kim"}, {}),
    ],
)
def test_a_reply_names_the_post_it_answers(scrape: Scrape, raw: dict[str, Any], details: dict[str, Any]) -> None:
    assert _post(scrape(raw)).details == details


@pytest.mark.parametrize("text", ["", "   ", LINK, None, 5])
def test_a_post_without_words_and_media_is_unsupported(scrape: Scrape, text: Any) -> None:
    assert _failure(scrape({"text": text})).category is ErrorCategory.UNSUPPORTED


def test_the_short_link_of_the_media_is_no_part_of_the_text(scrape: Scrape) -> None:
    post = _post(scrape({"text": f"we let the kite pick {LINK}", **_with_media(_photo("https://pbs.twimg.com/a.jpg"))}))

    assert post.text == "we let the kite pick"


def test_text_is_cut_and_cleaned_of_unstorable_characters(scrape: Scrape) -> None:
    post = _post(scrape({"text": "a\x00" + "b" * 90_000}))

    assert post.text.startswith("a\ufffdb")
    assert len(post.text) == 30_000


def test_an_absurdly_large_tweet_is_not_kept_whole(scrape: Scrape) -> None:
    assert _post(scrape({"padding": "x" * 300_000})).raw["tweet"] is None


def test_the_tweet_is_kept_as_it_came(scrape: Scrape) -> None:
    raw = _post(scrape({"source": "Twitter for iPhone"})).raw

    assert raw["tweet"]["source"] == "Twitter for iPhone"
    assert raw["skipped_media"] == []
    json.dumps(raw)


@pytest.mark.parametrize(
    "place",
    [
        {"extendedEntities": {"media": [_photo("https://pbs.twimg.com/media/a.jpg")]}},
        {"extendedEntities": None, "extended_entities": {"media": [_photo("https://pbs.twimg.com/media/a.jpg")]}},
        {"extendedEntities": {}, "entities": {"media": [_photo("https://pbs.twimg.com/media/a.jpg")]}},
    ],
)
def test_media_are_found_in_each_field_of_the_vendor(scrape: Scrape, place: dict[str, Any]) -> None:
    assert _post(scrape(place)).media == [ScrapedMedia(MediaKind.IMAGE, "https://pbs.twimg.com/media/a.jpg")]


@pytest.mark.parametrize(
    ("bitrates", "chosen"),
    [
        ([256_000, 632_000, 950_000, 2_176_000], 950_000),
        ([632_000, 10_368_000], 632_000),
        ([1_280_000, 2_176_000], 1_280_000),
        ([0], 0),
        ([None], None),
    ],
)
def test_the_video_is_the_middle_encoding_or_else_the_smallest(
    scrape: Scrape, bitrates: list[int | None], chosen: int | None
) -> None:
    post = _post(scrape(_with_media(_video(*(_mp4(bitrate, str(bitrate)) for bitrate in bitrates)))))

    assert post.media == [
        ScrapedMedia(MediaKind.VIDEO, f"https://video.twimg.com/1/{chosen}.mp4?tag=21", 24.34),
        ScrapedMedia(MediaKind.THUMBNAIL, POSTER),
    ]


def test_an_animated_picture_is_a_video_without_a_known_length(scrape: Scrape) -> None:
    gif = _video(kind="animated_gif", video_info={"variants": [_mp4(0)]})

    video, _ = _post(scrape(_with_media(gif))).media

    assert video == ScrapedMedia(MediaKind.VIDEO, "https://video.twimg.com/1/vid.mp4?tag=21", None)


@pytest.mark.parametrize(
    ("medium", "reason"),
    [
        (_video(), "no_mp4"),
        (_video(_mp4(632_000), ext_media_availability={"status": "Unavailable"}), "withheld"),
        (_video(_mp4(632_000) | {"url": "https://video.twimg.com.evil.example/a.mp4"}), "bad_url"),
        ({"media_key": "13_1", "type": "hologram"}, "unknown_type"),
    ],
)
def test_a_medium_that_cannot_be_fetched_is_left_out_and_noted(
    scrape: Scrape, medium: dict[str, Any], reason: str
) -> None:
    post = _post(scrape(_with_media(medium)))

    assert MediaKind.VIDEO not in {medium.kind for medium in post.media}
    assert post.raw["skipped_media"] == [{"media_key": "13_1", "reason": reason}]


def test_a_stream_in_pieces_without_words_is_unsupported(scrape: Scrape) -> None:
    assert _failure(scrape({"text": LINK, **_with_media(_video())})).category is ErrorCategory.UNSUPPORTED


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.jpg",
        "https://twimg.com.evil.example/a.jpg",
        "https://eviltwimg.com/a.jpg",
        "https://pbs.twimg.com@evil.example/a.jpg",
        "https://evil.example\\@pbs.twimg.com/a.jpg",
        "https://evil.example#@pbs.twimg.com/a.jpg",
        "https://pbs.twimg.com:8443/a.jpg",
        "https://169.254.169.254/latest/meta-data/",
        "ftp://pbs.twimg.com/a.jpg",
        "file:///etc/passwd",
        "//pbs.twimg.com/a.jpg",
        "http://127.0.0.1:8001/media/a.jpg",
        "https://pbs.twimg.com/a.jpg\nhttps://evil.example/",
        "https://pbs.twimg.com/" + "a" * 3000,
        "",
        5,
        None,
    ],
)
def test_a_medium_elsewhere_than_on_the_hosts_of_x_is_left_out(scrape: Scrape, url: Any) -> None:
    assert _post(scrape(_with_media(_photo(url)))).media == []


@pytest.mark.parametrize("media", [None, "x", {}, [None, 5, "x", []], [{"type": "photo"}], [{"video_info": []}]])
def test_nonsense_in_place_of_media_is_no_media(scrape: Scrape, media: Any) -> None:
    assert _post(scrape({"extendedEntities": {"media": media}})).media == []


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("tea &gt; coffee, R&amp;D &lt;3", "tea > coffee, R&D <3"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("see https://t.co/lnk and https://t.co/lnk2", "see https://example.com/x?a=1&lt=2 and https://t.co/lnk2"),
        ("https://t.co/lnk, https://t.co/bad", "https://example.com/x?a=1&lt=2, https://t.co/bad"),
    ],
)
def test_a_text_is_what_its_author_wrote(scrape: Scrape, text: str, read_as: str) -> None:
    urls = [
        {"url": "https://t.co/lnk", "expanded_url": "https://example.com/x?a=1&lt=2"},
        {"url": "https://t.co/bad", "expanded_url": "javascript:alert(1)"},
        {"url": None, "expanded_url": 5},
        None,
    ]
    quoted = {"id": "7", "text": text, "author": {"userName": "other"}, "entities": {"urls": urls}}

    post = _post(scrape({"text": text, "entities": {"urls": urls}, "quoted_tweet": quoted}))

    assert post.text == read_as
    assert post.details["quoted_post"]["text"] == read_as


def test_names_are_escaped_as_well(scrape: Scrape) -> None:
    assert _post(scrape({"author": {"name": "Tea &amp; Kites"}})).author.display_name == "Tea & Kites"


def test_what_the_stand_in_escapes_and_shortens_is_read_back(scrape: Scrape) -> None:
    text = "R&D <3 https://example.org/a?b=1&c=2 &amp; more"

    assert _post(scrape(text=text)).text == text


def test_replies_are_escaped_as_well(stand_ins: StandInsClient, scrape: Scrape) -> None:
    comments = [{"text": "tea > coffee", "author": "reader", "likes": 3}, {"text": "\u3164", "author": "other"}]

    assert [comment.text for comment in _post(scrape(comments=comments)).comments] == ["tea > coffee"]


@pytest.mark.parametrize("text", ["RT @jack: i agree", "RT @jack: i agree\u2026 but"])
def test_a_repost_typed_by_hand_is_a_post(scrape: Scrape, text: str) -> None:
    assert _post(scrape({"text": text})).text == text


@pytest.mark.parametrize("text", ["\u3164", "\u2800 \u200b", "https://t.co/lnk \u200b"])
def test_an_invisible_text_is_no_text(scrape: Scrape, text: str) -> None:
    assert _failure(scrape({"text": text})).category is ErrorCategory.UNSUPPORTED
