from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from whyviral.integrations.ports.creator_posts import ListedPost, PostKind
from whyviral.social.creator_baselines.comparison import (
    OTHER_TIME,
    TIMES_UNKNOWN,
    YOUNG_POSTS,
    Baseline,
    BaselineMetric,
    ComparedPost,
    CreatorBaseline,
    NoBaseline,
    SampledPost,
    choose_baseline,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OWN = ComparedPost("own", PostKind.POST, posted_at=NOW - timedelta(days=5), views=1_000, likes=10)


def posts(number: int, *, kind: PostKind = PostKind.POST, first_day: float = 3) -> list[ListedPost]:
    return [
        ListedPost(f"p{day}", kind, NOW - timedelta(days=first_day + day), views=100 + day, likes=day)
        for day in range(number)
    ]


def chosen(listed: Sequence[ListedPost], compared: ComparedPost = OWN, *, has_exact_times: bool = True) -> Baseline:
    return choose_baseline(listed, compared, listed_at=NOW, has_exact_times=has_exact_times)


def baseline_from(
    listed: Sequence[ListedPost], compared: ComparedPost = OWN, *, has_exact_times: bool = True
) -> CreatorBaseline:
    baseline = chosen(listed, compared, has_exact_times=has_exact_times)
    assert isinstance(baseline, CreatorBaseline)
    return baseline


def test_a_baseline_has_the_counts_of_the_other_posts_in_order() -> None:
    listed = posts(6)

    assert chosen(listed) == CreatorBaseline(
        kind=PostKind.POST,
        metric=BaselineMetric.VIEWS,
        counts=(100, 101, 102, 103, 104, 105),
        posts=tuple(SampledPost(post.post_id, post.views or 0, post.posted_at) for post in listed),
        posted_from=listed[-1].posted_at,
        posted_to=listed[0].posted_at,
        posting_hours=(12,) * 6,
    )


def test_the_compared_post_is_never_in_its_own_baseline() -> None:
    own = ListedPost("own", PostKind.POST, OWN.posted_at, views=10**9)

    assert baseline_from([own, *posts(6)]).best == 105


def test_a_post_that_is_listed_twice_counts_once() -> None:
    listed = posts(6)

    assert baseline_from([*listed, *listed]).n == 6


@pytest.mark.parametrize("number", [0, 1, 5])
def test_fewer_than_six_posts_are_no_baseline(number: int) -> None:
    found = chosen(posts(number))

    word = "post" if number == 1 else "posts"
    assert found == NoBaseline(f"only {number} comparable {word} of this creator, of the kind post", n=number)


def test_at_most_the_thirty_newest_posts_count() -> None:
    assert baseline_from(posts(40)).counts == tuple(range(100, 130))


@pytest.mark.parametrize(
    "excluded",
    [
        ListedPost("x", PostKind.REEL, NOW - timedelta(days=4), views=10**9),
        ListedPost("x", None, NOW - timedelta(days=4), views=10**9),
        ListedPost("x", PostKind.POST, NOW - timedelta(hours=47), views=10**9),
        ListedPost("x", PostKind.POST, NOW - timedelta(days=366), views=10**9),
        ListedPost("x", PostKind.POST, NOW + timedelta(days=1), views=10**9),
        ListedPost("x", PostKind.POST, NOW - timedelta(days=4), views=10**9, is_paid_partnership=True),
        ListedPost("x", PostKind.POST, NOW - timedelta(days=4), views=None),
        ListedPost("x", PostKind.POST, NOW - timedelta(days=4), views=-1),
        ListedPost("x", PostKind.POST, NOW - timedelta(days=4), views=0, likes=5),
        ListedPost("x", PostKind.POST, None, views=10**9),
    ],
    ids=[
        "other kind",
        "unknown kind",
        "young",
        "old",
        "in the future",
        "paid",
        "hidden",
        "negative",
        "zero",
        "undated",
    ],
)
def test_a_post_that_is_not_comparable_is_left_out(excluded: ListedPost) -> None:
    assert baseline_from([excluded, *posts(6)]).counts == (100, 101, 102, 103, 104, 105)


def test_paid_posts_are_compared_with_a_paid_post() -> None:
    paid = [replace(post, is_paid_partnership=True) for post in posts(6)]

    assert baseline_from(paid, replace(OWN, is_paid_partnership=True)).n == 6


def test_an_old_pinned_success_does_not_lift_the_median() -> None:
    pinned = ListedPost("pin", PostKind.POST, NOW - timedelta(days=300), views=10**9, is_pinned=True)

    assert baseline_from([pinned, *posts(30)]).best == 129
    assert baseline_from([pinned, *posts(6)]).best == 10**9


def test_likes_are_compared_where_views_are_hidden() -> None:
    hidden = [replace(post, views=None) for post in posts(8)]

    baseline = baseline_from(hidden)

    assert (baseline.metric, baseline.counts) == (BaselineMetric.LIKES, tuple(range(8)))


def test_likes_are_compared_where_the_views_of_the_post_itself_are_hidden() -> None:
    assert baseline_from(posts(8), replace(OWN, views=None)).metric is BaselineMetric.LIKES


def test_a_post_without_any_count_has_no_baseline() -> None:
    found = chosen(posts(8), replace(OWN, views=None, likes=None))

    assert isinstance(found, NoBaseline)
    assert found.n == 8


def test_a_placeholder_of_hidden_likes_is_unknown() -> None:
    reels = [ListedPost(f"r{day}", PostKind.REEL, NOW - timedelta(days=3 + day), None, 1000 + day) for day in range(8)]
    hidden = ListedPost("h", PostKind.REEL, NOW - timedelta(days=20), views=1_890, likes=3)

    found = baseline_from([*reels, hidden], ComparedPost("own", PostKind.REEL, likes=50))

    assert found.counts == tuple(range(1000, 1008))


def test_younger_videos_are_compared_with_a_doubt_if_few_are_settled() -> None:
    settled = posts(5, kind=PostKind.LONG, first_day=8)
    young = [replace(post, post_id=f"y{post.post_id}") for post in posts(4, kind=PostKind.LONG, first_day=2.5)]

    found = baseline_from([*young, *settled], ComparedPost("own", PostKind.LONG, views=5))

    assert (found.n, found.doubts) == (9, (YOUNG_POSTS,))


def test_enough_settled_videos_are_compared_without_younger_ones() -> None:
    settled = posts(10, kind=PostKind.LONG, first_day=8)
    young = [replace(post, post_id=f"y{post.post_id}") for post in posts(4, kind=PostKind.LONG, first_day=2.5)]

    found = baseline_from([*young, *settled], ComparedPost("own", PostKind.LONG, views=5))

    assert (found.n, found.doubts) == (10, ())


def test_a_list_without_times_leaves_out_its_first_three_and_raises_a_doubt() -> None:
    shorts = [ListedPost(f"s{number}", PostKind.SHORT, views=number) for number in range(12)]

    found = baseline_from(shorts, ComparedPost("own", PostKind.SHORT, views=5), has_exact_times=False)

    assert (found.counts, found.doubts) == (tuple(range(3, 12)), (TIMES_UNKNOWN,))
    assert (found.posted_from, found.posting_hours) == (None, ())


def test_a_post_from_long_before_the_others_raises_a_doubt() -> None:
    old = replace(OWN, posted_at=NOW - timedelta(days=400))

    assert baseline_from(posts(8), old).doubts == (OTHER_TIME,)


def test_the_typical_and_the_best_post_are_known() -> None:
    baseline = baseline_from(posts(7))

    assert (baseline.median, baseline.quartiles, baseline.best) == (103, (101.5, 104.5), 106)
