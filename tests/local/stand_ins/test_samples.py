from local.stand_ins.posts import Platform, PostMediaKind, load_samples

_FIRST_INVENTED_ID = 9 * 10**18
_FIRST_SNOWFLAKE = 3 * 10**10
_X_EPOCH_MS = 1_288_834_974_657


def test_the_time_of_a_real_post_is_the_one_that_its_id_encodes() -> None:
    real = [post for post in load_samples() if _FIRST_SNOWFLAKE < int(post.id) < _FIRST_INVENTED_ID]

    assert len(real) == 2
    for post in real:
        assert int(post.posted_at.timestamp()) == ((int(post.id) >> 22) + _X_EPOCH_MS) // 1000


def test_invented_posts_say_so() -> None:
    for post in load_samples():
        is_invented = int(post.id) >= _FIRST_INVENTED_ID
        assert post.username.startswith("invented_") is is_invented
        assert (post.note or "").startswith("Invented" if is_invented else "A real public post")


def test_the_samples_are_posts_of_x_one_with_a_photo() -> None:
    samples = load_samples()

    assert {post.platform for post in samples} == {Platform.X}
    assert [file.kind for post in samples for file in post.media] == [PostMediaKind.IMAGE]
