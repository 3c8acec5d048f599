"""Behaviour of YouTube's stand-in that tests need and yt-dlp does not check."""

import base64
from typing import Any

import httpx
import pytest

from local.stand_ins.media.headers import picture_size
from local.stand_ins.scenario.posts import SAMPLES, load_samples
from local.stand_ins.youtube.video import Video
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.youtube import GOOD_ID, add_video

CLIP = b"0123456789"
MEDIA = [{"kind": "video", "filename": "clip.mp4", "file_base64": base64.b64encode(CLIP).decode()}]


def get(stand_ins: StandInsClient, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return stand_ins.http.get(path, headers=headers)


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        (None, 200, CLIP, None),
        ("bytes=0-", 206, CLIP, "bytes 0-9/10"),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
    ],
)
def test_a_range_of_a_file_can_be_requested(
    stand_ins: StandInsClient, asked: str | None, status: int, content: bytes, told: str | None
) -> None:
    add_video(stand_ins, media=MEDIA)

    reply = get(stand_ins, f"/youtube/media/videoplayback?id={GOOD_ID}", {"Range": asked} if asked else None)

    assert (reply.status_code, reply.content, reply.headers.get("content-range")) == (status, content, told)


def test_a_video_without_a_file_is_forbidden(stand_ins: StandInsClient) -> None:
    add_video(stand_ins)

    assert get(stand_ins, f"/youtube/media/videoplayback?id={GOOD_ID}").status_code == 403


def test_a_thumbnail_is_the_picture_of_the_post_or_a_plain_one(stand_ins: StandInsClient) -> None:
    cover = (SAMPLES / "cover.jpg").read_bytes()
    picture = {"kind": "image", "filename": "cover.jpg", "file_base64": base64.b64encode(cover).decode()}
    add_video(stand_ins, media=[picture])
    add_video(stand_ins, "no-picture1")

    own = get(stand_ins, f"/media/i.ytimg.com/vi/{GOOD_ID}/hqdefault.jpg")
    plain = get(stand_ins, "/media/i.ytimg.com/vi/no-picture1/hqdefault.jpg")

    assert (own.content, own.headers["content-type"]) == (cover, "image/jpeg")
    assert (picture_size(plain.content), plain.headers["content-type"]) == ((480, 360), "image/png")
    assert get(stand_ins, f"/media/i.ytimg.com/vi/{GOOD_ID}/maxresdefault.jpg").status_code == 404
    assert get(stand_ins, "/media/i.ytimg.com/vi/missing-001/hqdefault.jpg").status_code == 404


def test_captions_of_another_language_or_video_are_missing(stand_ins: StandInsClient) -> None:
    add_video(stand_ins, captions={"language": "en", "segments": []})

    assert get(stand_ins, f"/youtube/www/api/timedtext?v={GOOD_ID}&lang=de&fmt=json3").status_code == 404
    assert get(stand_ins, "/youtube/www/api/timedtext?v=missing-001&lang=en&fmt=json3").status_code == 404
    assert get(stand_ins, f"/youtube/www/api/timedtext?v={GOOD_ID}&lang=en&fmt=vtt").content == b""


@pytest.mark.parametrize(("query", "status"), [("id=x", 403), ("id=x&key=bad-key", 400), ("key=any", 400)])
def test_the_data_api_refuses_an_invalid_request(stand_ins: StandInsClient, query: str, status: int) -> None:
    reply = get(stand_ins, f"/youtube/data/v3/videos?{query}")

    error: dict[str, Any] = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, status)


def test_the_data_api_hides_removed_videos_and_hidden_counts(stand_ins: StandInsClient) -> None:
    add_video(stand_ins, metrics={"views": 5}, raw={"followers": None})
    add_video(stand_ins, "gone-video1", username="Somebody else", raw={"playability": {"status": "ERROR"}})

    (item,) = get(stand_ins, f"/youtube/data/v3/videos?id={GOOD_ID},gone-video1&key=any").json()["items"]
    channel_id = item["snippet"]["channelId"]
    (channel,) = get(stand_ins, f"/youtube/data/v3/channels?id={channel_id}&key=any").json()["items"]

    assert (item["id"], item["statistics"]) == (GOOD_ID, {"viewCount": "5"})
    assert channel["statistics"] == {"hiddenSubscriberCount": True}


@pytest.mark.parametrize(
    "post", [post for post in load_samples() if post.platform == "youtube"], ids=lambda post: post.id
)
def test_each_sample_is_a_video(post: Any) -> None:
    video = Video(post)

    assert video.title
    assert video.duration_s > 1
