"""Chooses the posts of a creator that one post can be compared with: the same kind, old enough, and no special cases.

The choice is pure: it depends on the list, on the compared post and on the time of the list. docs/metrics.md gives the
rules with their reasons.
"""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from whyviral.integrations.ports.creator_posts import ListedPost, PostKind

MIN_POSTS = 6
"""With fewer comparable posts there is no baseline."""
MAX_POSTS = 30
MAX_AGE = timedelta(days=365)
MIN_AGE = timedelta(hours=48)
MIN_AGE_ON_YOUTUBE = timedelta(days=7)
"""YouTube's counts grow for longer: half of the engagement arrives in 9 to 10 days. Source: scottgraffius.com, 2026."""
_FEW_POSTS = 10
"""With fewer settled posts, YouTube's younger ones are compared as well."""
_UNDATED_NEWEST = 3
"""How many posts at the head of a list without times are left out as too young."""
_MAX_DISTANCE = timedelta(days=180)
_PLACEHOLDER_SHARE = 100
"""A reel with fewer likes than this part of the kind's median hides its count behind a placeholder."""
_YOUTUBE_KINDS = frozenset({PostKind.SHORT, PostKind.LONG, PostKind.LIVE})

TIMES_UNKNOWN = "The times of the creator's other posts are unknown or approximate."
YOUNG_POSTS = "Some of the creator's other posts are younger than a week, and their counts still move."
OTHER_TIME = "The post is more than 180 days older than the creator's other posts."


class BaselineMetric(StrEnum):
    """The count by which a post is compared."""

    VIEWS = "views"
    LIKES = "likes"


@dataclass(frozen=True, slots=True)
class ComparedPost:
    """The post that is compared, with its own counts."""

    post_id: str
    kind: PostKind
    posted_at: datetime | None = None
    views: int | None = None
    likes: int | None = None
    is_paid_partnership: bool | None = None


@dataclass(frozen=True, slots=True)
class SampledPost:
    """One of the posts with which a post is compared."""

    post_id: str
    count: int
    posted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CreatorBaseline:
    """The comparable posts of a creator as a yardstick for one post, which is never among them."""

    kind: PostKind
    metric: BaselineMetric
    counts: tuple[int, ...]
    """The metric of each comparable post in ascending order: 6 to 30 counts."""
    posts: tuple[SampledPost, ...] = ()
    """The same posts in the same order, as they are shown."""
    posted_from: datetime | None = None
    posted_to: datetime | None = None
    posting_hours: tuple[int, ...] = ()
    """The UTC hour of each comparable post whose exact time is known."""
    doubts: tuple[str, ...] = ()
    """Reasons for which the comparison deserves less confidence."""

    @property
    def n(self) -> int:
        """The number of comparable posts."""
        return len(self.counts)

    @property
    def median(self) -> float:
        """The typical count: half of the posts have less."""
        return statistics.median(self.counts)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The counts below which a quarter and three quarters of the posts lie."""
        lower, _, upper = statistics.quantiles(self.counts, n=4, method="inclusive")
        return lower, upper

    @property
    def best(self) -> int:
        """The highest count."""
        return self.counts[-1]


@dataclass(frozen=True, slots=True)
class NoBaseline:
    """The post cannot be compared with other posts of its creator."""

    reason: str
    """Completes the sentence "No baseline: …", in lower case and without a full stop."""
    n: int = 0
    """The number of comparable posts that were found."""


type Baseline = CreatorBaseline | NoBaseline


def choose_baseline(
    posts: Sequence[ListedPost], compared: ComparedPost, *, listed_at: datetime, has_exact_times: bool = True
) -> Baseline:
    """Return the baseline of a post from a list of its creator's posts, or why there is none.

    Args:
        posts: the list, in the platform's order.
        compared: the post; an entry of the list with its id is left out.
        listed_at: when the list was read; ages refer to it.
        has_exact_times: whether the times in the list are exact.
    """
    own = [post for post in _unique(posts) if post.post_id != compared.post_id and post.kind is compared.kind]
    newest = _newest(own)
    settled, doubts = _settled(newest, compared, listed_at=listed_at)
    usable = _without_placeholders(settled)
    chosen = _metric_of(usable, compared)
    if chosen is None:
        known = max(len(_counts(usable, metric)) for metric in BaselineMetric)
        return NoBaseline(_too_few(known, compared), n=known)
    sample = sorted(_sampled(usable, chosen), key=lambda post: post.count)
    times = sorted(post.posted_at for post in sample if post.posted_at is not None)
    if not has_exact_times or len(times) < len(sample):
        doubts = (*doubts, TIMES_UNKNOWN)
    if times and compared.posted_at is not None and compared.posted_at < times[0] - _MAX_DISTANCE:
        doubts = (*doubts, OTHER_TIME)
    return CreatorBaseline(
        kind=compared.kind,
        metric=chosen,
        counts=tuple(post.count for post in sample),
        posts=tuple(sample),
        posted_from=times[0] if times else None,
        posted_to=times[-1] if times else None,
        posting_hours=tuple(moment.astimezone(UTC).hour for moment in times) if has_exact_times else (),
        doubts=doubts,
    )


def _unique(posts: Iterable[ListedPost]) -> list[ListedPost]:
    """Return the posts once each: pages of a list overlap, and a pinned post may appear twice."""
    found: dict[str, ListedPost] = {}
    for post in posts:
        found.setdefault(post.post_id, post)
    return list(found.values())


def _newest(posts: Sequence[ListedPost]) -> list[ListedPost]:
    """Return the posts with the newest first; without times, in the platform's order and without the youngest.

    A pinned post is an old success at the head of the list, so it stays only if it is among the newest by its time.
    """
    dated = [post for post in posts if post.posted_at is not None]
    if not dated:
        return [post for post in posts if not post.is_pinned][_UNDATED_NEWEST:]
    ranked = sorted(dated, key=lambda post: post.posted_at or datetime.min.replace(tzinfo=UTC), reverse=True)
    pinned = [post for post in ranked if post.is_pinned and post not in ranked[:MAX_POSTS]]
    return [post for post in ranked if post not in pinned]


def _settled(
    posts: Sequence[ListedPost], compared: ComparedPost, *, listed_at: datetime
) -> tuple[list[ListedPost], tuple[str, ...]]:
    """Return the newest posts whose counts hardly change any more, with the doubts about them."""
    if not compared.is_paid_partnership:
        posts = [post for post in posts if not post.is_paid_partnership]
    min_age = MIN_AGE_ON_YOUTUBE if compared.kind in _YOUTUBE_KINDS else MIN_AGE
    settled = _within(posts, listed_at, min_age)
    if (
        min_age > MIN_AGE
        and len(settled) < _FEW_POSTS
        and len(younger := _within(posts, listed_at, MIN_AGE)) > len(settled)
    ):
        return younger[:MAX_POSTS], (YOUNG_POSTS,)
    return settled[:MAX_POSTS], ()


def _within(posts: Sequence[ListedPost], listed_at: datetime, min_age: timedelta) -> list[ListedPost]:
    return [post for post in posts if post.posted_at is None or min_age <= listed_at - post.posted_at <= MAX_AGE]


def _without_placeholders(posts: Sequence[ListedPost]) -> list[ListedPost]:
    """Return the posts without counts that cannot be true: views of zero beside likes, and placeholders of likes."""
    seen = [replace(post, views=None) if not post.views and post.likes else post for post in posts]
    likes = [post.likes for post in seen if post.likes is not None]
    if not likes:
        return seen
    least = statistics.median(likes) / _PLACEHOLDER_SHARE
    return [
        replace(post, likes=None)
        if post.kind is PostKind.REEL and post.views and post.likes is not None and post.likes < least
        else post
        for post in seen
    ]


def _metric_of(posts: Sequence[ListedPost], compared: ComparedPost) -> BaselineMetric | None:
    """Return the count that is known of the post and of enough others; views come before likes."""
    own = {BaselineMetric.VIEWS: compared.views, BaselineMetric.LIKES: compared.likes}
    known = (metric for metric, count in own.items() if count is not None and len(_counts(posts, metric)) >= MIN_POSTS)
    return next(known, None)


def _counts(posts: Sequence[ListedPost], metric: BaselineMetric) -> list[int]:
    return [count for post in posts if (count := _count(post, metric)) is not None]


def _sampled(posts: Sequence[ListedPost], metric: BaselineMetric) -> Iterator[SampledPost]:
    for post in posts:
        if (count := _count(post, metric)) is not None:
            yield SampledPost(post.post_id, count, post.posted_at)


def _count(post: ListedPost, metric: BaselineMetric) -> int | None:
    count = post.views if metric is BaselineMetric.VIEWS else post.likes
    return count if count is not None and 0 <= count < 2**63 else None


def _too_few(known: int, compared: ComparedPost) -> str:
    if known >= MIN_POSTS:
        return f"neither the views nor the likes of this post can be compared with {known} other posts of its creator"
    posts = "post" if known == 1 else "posts"
    return f"only {known} comparable {posts} of this creator, of the kind {compared.kind.value}"
