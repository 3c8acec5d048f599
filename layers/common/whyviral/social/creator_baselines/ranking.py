"""Ranks the posts of a creator: which did best, each compared with the others of its kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from whyviral.integrations.ports.creator_posts import ListedPost

from .comparison import MIN_AGE, BaselineMetric, ComparedPost, CreatorBaseline, choose_baseline

_UNDATED_NEWEST = 3


@dataclass(frozen=True, slots=True)
class CreatorList:
    """The posts of one kind, as they were listed."""

    posts: Sequence[ListedPost]
    listed_at: datetime
    has_exact_times: bool = True


@dataclass(frozen=True, slots=True)
class RankedPost:
    """A post with its outlier ratio; None if there are too few others of its kind to compare it with."""

    post: ListedPost
    outlier_ratio: float | None


def rank_posts(lists: Iterable[CreatorList]) -> list[RankedPost]:
    """Return the posts that are at least 48 hours old, the highest outlier ratio first.

    Posts that have no baseline come last, the highest count first; a post without any count comes at the end.
    """
    ranked = [_ranked(post, each) for each in lists for post in _settled(each)]
    return sorted(ranked, key=_sort_key)


def _settled(listing: CreatorList) -> list[ListedPost]:
    posts = list({post.post_id: post for post in listing.posts if post.kind is not None}.values())
    undated = [post for post in posts if post.posted_at is None and not post.is_pinned]
    too_young = {post.post_id for post in undated[:_UNDATED_NEWEST]}
    return [
        post
        for post in posts
        if (post.posted_at is not None and listing.listed_at - post.posted_at >= MIN_AGE)
        or (post.posted_at is None and post.post_id not in too_young)
    ]


def _ranked(post: ListedPost, listing: CreatorList) -> RankedPost:
    if post.kind is None:
        return RankedPost(post, None)
    compared = ComparedPost(post.post_id, post.kind, post.posted_at, post.views, post.likes, post.is_paid_partnership)
    baseline = choose_baseline(
        listing.posts, compared, listed_at=listing.listed_at, has_exact_times=listing.has_exact_times
    )
    if not isinstance(baseline, CreatorBaseline):
        return RankedPost(post, None)
    count = post.views if baseline.metric is BaselineMetric.VIEWS else post.likes
    return RankedPost(post, (count or 0) / max(baseline.median, 1))


def _sort_key(ranked: RankedPost) -> tuple[bool, float, int, str]:
    """Return the key that sorts the best post first; the id makes the order of equal posts a fixed one."""
    ratio, post = ranked.outlier_ratio, ranked.post
    return ratio is None, -(ratio or 0.0), -(post.views or post.likes or 0), post.post_id
