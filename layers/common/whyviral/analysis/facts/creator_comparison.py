"""Facts that compare a post with its creator's other posts of the same kind."""

import math
from collections.abc import Sequence
from datetime import UTC

from whyviral.social.creator_baselines.comparison import Baseline, CreatorBaseline

from .fact_sheet import Fact, FactSheet, six_digits
from .snapshot import PostSnapshot

_COVERAGE = 0.95
"""The minimum probability with which the interval of the ratio contains the true one."""
_HOURS = 24
_MIN_CONCENTRATION = 0.3
"""A creator whose posting hours are spread more evenly than this has no usual hour."""


def add_comparison(facts: FactSheet, post: PostSnapshot, baseline: Baseline) -> None:
    """Add what the baseline says about the post; nothing without a baseline or without the compared count."""
    own = facts.by_name.get(baseline.metric.value) if isinstance(baseline, CreatorBaseline) else None
    if own is None or own.number is None or not isinstance(baseline, CreatorBaseline):
        return
    source, unit = f"{post.platform} list of the creator's posts", baseline.metric.value
    lower, upper = baseline.quartiles
    facts.add("baseline_n", baseline.n, "posts", source)
    facts.add("baseline_metric", unit, "compared count", source)
    for name, count in (
        ("baseline_median", baseline.median),
        ("baseline_lower_quartile", lower),
        ("baseline_upper_quartile", upper),
        ("baseline_best", baseline.best),
    ):
        facts.add(name, six_digits(count), unit, source)
    _add_ratios(facts, own, baseline)
    _add_times(facts, post, baseline, source)


def _add_ratios(facts: FactSheet, own: Fact, baseline: CreatorBaseline) -> None:
    count = float(own.number or 0)
    from_median = f"computed from {own.id} and {facts.by_name['baseline_median'].id}"
    from_posts = f"computed from {own.id} and the {baseline.n} posts of {facts.by_name['baseline_n'].id}"
    high_divisor, low_divisor = median_interval(baseline.counts)
    for name, divisor, source in (
        ("outlier_ratio", baseline.median, from_median),
        ("outlier_ratio_low", low_divisor, from_posts),
        ("outlier_ratio_high", high_divisor, from_posts),
    ):
        facts.add(name, six_digits(count / max(divisor, 1)), "times the median", source)
    below = sum(other < count for other in baseline.counts)
    facts.add("baseline_rank", six_digits(below / baseline.n), "share of the posts", from_posts)
    place = 1 + sum(other > count for other in baseline.counts)
    facts.add("baseline_place", place, f"place among {baseline.n + 1} posts", from_posts)


def _add_times(facts: FactSheet, post: PostSnapshot, baseline: CreatorBaseline, source: str) -> None:
    for name, moment in (("baseline_from", baseline.posted_from), ("baseline_to", baseline.posted_to)):
        if moment is not None:
            facts.add(name, moment.astimezone(UTC).isoformat(timespec="seconds"), "UTC time", source)
    usual = usual_hour(baseline.posting_hours)
    if usual is None:
        return
    facts.add("usual_posting_hour", usual, "UTC hour", source)
    if post.posted_at is not None:
        distance = abs(post.posted_at.astimezone(UTC).hour - usual) % _HOURS
        hours = f"computed from {facts.by_name['post_hour'].id} and {facts.by_name['usual_posting_hour'].id}"
        facts.add("posting_hour_deviation", min(distance, _HOURS - distance), "hours", hours)


def median_interval(counts: Sequence[int]) -> tuple[int, int]:
    """Return the bounds between which the true median of the creator's posts lies with a probability of 0.95 or more.

    The bounds are counts of the sample (order statistics), so no distribution is assumed: ranks 1 and 6 of 6 posts,
    2 and 9 of 10, 6 and 15 of 20, 10 and 21 of 30.

    Args:
        counts: at least six, in ascending order.
    """
    n, rank, outside = len(counts), 1, 2
    # P(the median is below the k-th smallest count) is the share of subsets with fewer than k members.
    while rank < n / 2 and outside + 2 * math.comb(n, rank) <= (1 - _COVERAGE) * 2**n:
        outside += 2 * math.comb(n, rank)
        rank += 1
    return counts[rank - 1], counts[n - rank]


def usual_hour(hours: Sequence[int]) -> int | None:
    """Return the mean of hours on the clock's circle, or None if they have no common direction."""
    if not hours:
        return None
    east = sum(math.cos(2 * math.pi * hour / _HOURS) for hour in hours) / len(hours)
    north = sum(math.sin(2 * math.pi * hour / _HOURS) for hour in hours) / len(hours)
    if math.hypot(east, north) < _MIN_CONCENTRATION:
        return None
    return round(math.atan2(north, east) / (2 * math.pi) * _HOURS) % _HOURS
