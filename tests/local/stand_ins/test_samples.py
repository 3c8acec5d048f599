from collections import Counter

import pytest

from local.samples.make import CLIPS_OF, SAMPLES, spoken_text
from local.stand_ins.media.headers import duration_ms
from local.stand_ins.scenario.posts import Platform, Post, PostMediaKind, load_samples
from whyviral.social.post_urls import parse_post_url

_FIRST_INVENTED_ID = 9 * 10**18
_FIRST_SNOWFLAKE = 3 * 10**10
_X_EPOCH_MS = 1_288_834_974_657
_URLS = {
    Platform.INSTAGRAM: "https://www.instagram.com/p/{}/",
    Platform.X: "https://x.com/i/status/{}",
    Platform.YOUTUBE: "https://www.youtube.com/watch?v={}",
}


def is_invented(post: Post) -> bool:
    return post.platform is not Platform.X or int(post.id) >= _FIRST_INVENTED_ID


def test_the_time_of_a_real_post_is_the_one_that_its_id_encodes() -> None:
    real = [post for post in load_samples() if not is_invented(post) and int(post.id) > _FIRST_SNOWFLAKE]

    assert len(real) == 2
    for post in real:
        assert int(post.posted_at.timestamp()) == ((int(post.id) >> 22) + _X_EPOCH_MS) // 1000


def test_invented_posts_are_marked_as_invented() -> None:
    for post in load_samples():
        assert post.username.lower().startswith("invented") is is_invented(post)
        assert (post.note or "").startswith("Invented" if is_invented(post) else "A real public post")


def test_no_real_video_can_have_an_invented_youtube_id() -> None:
    # Eleven letters of base 64 encode 66 bits, but an id has 64 bits: a real id ends in one of sixteen letters.
    for post in load_samples():
        if post.platform is Platform.YOUTUBE:
            assert post.id[-1] not in "AEIMQUYcgkosw048"


def test_every_sample_url_is_accepted() -> None:
    for post in load_samples():
        assert parse_post_url(_URLS[post.platform].format(post.id)).post_id == post.id


def test_every_platform_has_at_least_three_posts_and_every_kind_of_medium() -> None:
    samples = load_samples()

    assert min(Counter(post.platform for post in samples).values()) >= 3
    kinds = {(post.platform, tuple(file.kind for file in post.media)) for post in samples}
    image, video = PostMediaKind.IMAGE, PostMediaKind.VIDEO
    assert {
        (Platform.X, ()),
        (Platform.X, (image,)),
        (Platform.X, (video,)),
        (Platform.INSTAGRAM, (image,)),
        (Platform.INSTAGRAM, (image, video, image)),
        (Platform.INSTAGRAM, (video,)),
    } <= kinds
    assert {bool(post.captions) for post in samples if post.platform is Platform.YOUTUBE} == {True, False}


@pytest.mark.parametrize("filename", CLIPS_OF)
def test_a_video_with_speech_is_as_long_as_its_readings(filename: str) -> None:
    length_ms = duration_ms((SAMPLES / filename).read_bytes())

    assert length_ms is not None
    words_a_second = len(spoken_text(filename).split()) / (length_ms / 1000)
    assert 1.5 < words_a_second < 4
