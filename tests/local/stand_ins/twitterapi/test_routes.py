import base64
import struct
from typing import Any

import pytest

from local.stand_ins.scenario.posts import SAMPLES
from tests.fixtures.stand_ins import StandInsClient

PICTURE = (SAMPLES / "kite.png").read_bytes()


def get_tweets(stand_ins: StandInsClient, ids: str) -> list[dict[str, Any]]:
    reply = stand_ins.http.get("/twitterapi/twitter/tweets", params={"tweet_ids": ids}, headers={"x-api-key": "any"})
    body = reply.json()
    assert (reply.status_code, body["status"]) == (200, "success")
    tweets: list[dict[str, Any]] = body["tweets"]
    return tweets


def media(kind: str, filename: str, content: bytes) -> dict[str, str]:
    return {"kind": kind, "filename": filename, "file_base64": base64.b64encode(content).decode()}


def mp4(*, timescale: int, duration: int) -> bytes:
    header = struct.pack(">4sB3x8xII", b"mvhd", 0, timescale, duration)
    return b"\0\0\0\x18ftypmp42" + header + b"\0" * 80


def test_the_first_post_of_the_platform_is_served_as_it_was(stand_ins: StandInsClient) -> None:
    (tweet,) = get_tweets(stand_ins, "20")

    assert tweet["text"] == "just setting up my twttr"
    assert tweet["createdAt"] == "Tue Mar 21 20:50:14 +0000 2006"
    assert tweet["url"] == "https://x.com/jack/status/20"
    assert (tweet["author"]["userName"], tweet["author"]["id"]) == ("jack", "12")
    assert tweet["viewCount"] is None
    assert tweet["_stand_in"]["is_stand_in"]
    assert "likes" in tweet["_stand_in"]["approximate"]


def test_unknown_ids_are_ignored_and_repeated_ones_returned_once(stand_ins: StandInsClient) -> None:
    stand_ins.add_post(id="123")

    tweets = get_tweets(stand_ins, "404, 123,20,,20,not-an-id")

    assert [tweet["id"] for tweet in tweets] == ["123", "20"]
    assert get_tweets(stand_ins, "404") == []


def test_a_deleted_post_is_absent(stand_ins: StandInsClient) -> None:
    stand_ins.delete_post("20")

    assert get_tweets(stand_ins, "20") == []


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "bad-key"}])
def test_a_missing_or_bad_key_is_unauthorized(stand_ins: StandInsClient, headers: dict[str, str]) -> None:
    reply = stand_ins.http.get("/twitterapi/twitter/tweets?tweet_ids=20", headers=headers)

    assert reply.status_code == 401
    assert reply.json() == {"error": "Unauthorized", "message": "Invalid API key"}


@pytest.mark.parametrize("query", ["", "?tweet_ids=", "?tweet_ids=,"])
def test_a_call_without_ids_is_a_bad_request_that_names_the_parameter(stand_ins: StandInsClient, query: str) -> None:
    reply = stand_ins.http.get(f"/twitterapi/twitter/tweets{query}", headers={"X-API-Key": "any"})

    assert reply.status_code == 400
    assert reply.json()["status"] == "error"
    assert "tweet_ids" in reply.json()["message"]


def test_every_tweet_costs_credits_and_so_does_an_empty_answer(stand_ins: StandInsClient) -> None:
    def credit() -> int:
        reply = stand_ins.http.get("/twitterapi/oapi/my/info", headers={"X-API-Key": "any"})
        balance: int = reply.json()["recharge_credits"]
        return balance

    before = credit()
    get_tweets(stand_ins, "20,474971393852182528")
    get_tweets(stand_ins, "404")

    assert before - credit() == 15 * 3


def test_a_post_is_returned_in_the_form_of_x(stand_ins: StandInsClient) -> None:
    metrics = {"likes": 5, "comments": 4, "views": None, "shares": 2}
    stand_ins.add_post(id="123", username="kim", text="Say hi to @jo_1 #kites", metrics=metrics)

    (tweet,) = get_tweets(stand_ins, "123")

    assert [tweet[name] for name in ("likeCount", "replyCount", "viewCount", "retweetCount")] == [5, 4, None, 2]
    assert tweet["createdAt"] == "Sun Nov 01 12:00:00 +0000 2026"
    assert tweet["entities"]["hashtags"] == [{"text": "kites", "indices": [16, 22]}]
    assert tweet["entities"]["user_mentions"][0]["screen_name"] == "jo_1"
    assert tweet["extendedEntities"] == {}
    assert tweet["author"]["userName"] == "kim"


def test_a_photo_is_an_extended_entity_whose_file_the_media_host_serves(stand_ins: StandInsClient) -> None:
    stand_ins.add_post(id="123", text="Look.", media=[media("image", "kite.png", PICTURE)])

    (tweet,) = get_tweets(stand_ins, "123")

    (photo,) = tweet["extendedEntities"]["media"]
    host, _, path = photo["media_url_https"].removeprefix("https://").partition("/")
    file = stand_ins.http.get(f"/media/pbs.twimg.com/{path}?format=jpg&name=orig")
    assert (photo["type"], host) == ("photo", "pbs.twimg.com")
    assert (photo["original_info"]["width"], photo["original_info"]["height"]) == (320, 240)
    assert tweet["text"] == f"Look. {photo['url']}"
    start, end = photo["indices"]
    assert tweet["text"][start:end] == photo["url"]
    assert (file.content, file.headers["content-type"]) == (PICTURE, "image/png")
    assert stand_ins.http.get("/media/pbs.twimg.com/media/other.png").status_code == 404


def test_a_video_has_a_variant_with_bitrate_and_duration(stand_ins: StandInsClient) -> None:
    content = mp4(timescale=1000, duration=2500)
    stand_ins.add_post(id="123", media=[media("video", "clip.mp4", content), media("gif", "loop.mp4", content + b"0")])

    (tweet,) = get_tweets(stand_ins, "123")

    video, gif = tweet["extendedEntities"]["media"]
    (variant,) = video["video_info"]["variants"]
    assert video["type"] == "video"
    assert video["video_info"]["duration_millis"] == 2500
    assert variant["bitrate"] == len(content) * 8 * 1000 // 2500
    assert variant["content_type"] == "video/mp4"
    assert variant["url"].startswith("https://video.twimg.com/")
    assert stand_ins.http.get("/media/" + variant["url"].split("/", 2)[2]).content == content
    assert gif["type"] == "animated_gif"
    assert gif["video_info"]["variants"][0]["bitrate"] == 0
    assert "duration_millis" not in gif["video_info"]


def test_raw_fields_are_merged_over_the_tweet(stand_ins: StandInsClient) -> None:
    raw = {"author": {"followers": 77}, "quoteCount": 3, "retweeted_tweet": {"id": "9", "text": "inner"}, "new": [1]}
    stand_ins.add_post(id="123", username="kim", raw=raw)

    (tweet,) = get_tweets(stand_ins, "123")

    assert (tweet["author"]["followers"], tweet["author"]["userName"]) == (77, "kim")
    assert (tweet["quoteCount"], tweet["retweeted_tweet"]["text"], tweet["new"]) == (3, "inner", [1])
