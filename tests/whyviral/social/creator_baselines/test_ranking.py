from dataclasses import replace
from datetime import UTC, datetime, timedelta

from whyviral.integrations.ports.creator_posts import ListedPost, PostKind
from whyviral.social.creator_baselines.ranking import CreatorList, rank_posts

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def listing(*views: int | None, kind: PostKind = PostKind.POST, age: timedelta = timedelta(days=3)) -> CreatorList:
    posts = [
        ListedPost(f"{kind}{number}", kind, NOW - age - timedelta(days=number), views=count)
        for number, count in enumerate(views)
    ]
    return CreatorList(posts, NOW)


def ids(*lists: CreatorList) -> list[str]:
    return [ranked.post.post_id for ranked in rank_posts(lists)]


def test_the_posts_with_the_highest_ratio_come_first() -> None:
    ranked = rank_posts([listing(100, 100, 900, 100, 100, 100, 300, 100)])

    assert [(each.post.post_id, each.outlier_ratio) for each in ranked[:2]] == [("post2", 9), ("post6", 3)]


def test_kinds_are_compared_by_their_ratios_and_not_by_their_views() -> None:
    shorts = listing(*[1_000_000] * 8, kind=PostKind.SHORT)
    long = listing(*[1_000] * 7, 5_000, kind=PostKind.LONG)

    assert ids(shorts, long)[0] == "long7"


def test_posts_without_a_baseline_are_sorted_by_their_views() -> None:
    ranked = rank_posts([listing(5, 70, 20)])

    assert [(each.post.post_id, each.outlier_ratio) for each in ranked] == [
        ("post1", None),
        ("post2", None),
        ("post0", None),
    ]


def test_young_and_future_posts_are_not_chosen() -> None:
    young = listing(10**9, age=timedelta(hours=47))
    future = listing(10**9, age=timedelta(days=-2))

    assert ids(young, future) == []


def test_the_newest_posts_of_a_list_without_times_are_not_chosen() -> None:
    undated = listing(*range(10, 1, -1), kind=PostKind.SHORT)
    undated = replace(undated, posts=[replace(post, posted_at=None) for post in undated.posts])

    assert ids(undated) == [f"short{number}" for number in range(3, 9)]


def test_the_order_of_equal_posts_is_fixed() -> None:
    equal = listing(*[100] * 8)

    assert ids(equal) == ids(replace(equal, posts=list(reversed(equal.posts))))
