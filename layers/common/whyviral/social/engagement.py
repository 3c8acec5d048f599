"""The engagement score of a post: 0 to 100, comparable between posts of any size (docs/metrics.md).

The score only describes a post. The virality rule does not use it.
"""

from collections.abc import Mapping
from decimal import Decimal

VERSION = "v1"
"""The version of the formula. A saved score has the version that was current when the post was fetched."""

_WEIGHTS = {"likes": 1, "comments": 2, "bookmarks": 2, "shares": 3, "quotes": 3}
"""Actions that cost users more effort, or reach more users, weigh more."""
_HALF_PER_VIEW = Decimal("0.05")
"""The weighted engagements per view that give a score of 50."""
_HALF_PER_FOLLOWER = Decimal("0.05")
_SMALLEST = Decimal("0.000001")


def engagement_score(metrics: Mapping[str, int], followers: int | None) -> Decimal | None:
    """Return the weighted engagements per view, or per follower if views are unknown, scaled to 0 to 100.

    Args:
        metrics: any of likes, comments, views, shares, quotes, bookmarks; hidden counts are absent.
        followers: the author's follower count, if known.

    Returns:
        None if no engagement is known, or neither views nor followers are.
    """
    known = {name: count for name in _WEIGHTS if (count := metrics.get(name)) is not None and count >= 0}
    views = metrics.get("views")
    if not known:
        return None
    weighted = sum(_WEIGHTS[name] * count for name, count in known.items())
    if views is not None and views > 0:
        return _score(Decimal(weighted) / views, half=_HALF_PER_VIEW)
    if followers is not None and followers > 0:
        return _score(Decimal(weighted) / followers, half=_HALF_PER_FOLLOWER)
    return None


def _score(rate: Decimal, *, half: Decimal) -> Decimal:
    """Map an unbounded rate to 0 to 100 with diminishing returns; the score approaches 100 and never reaches it."""
    return (100 * rate / (rate + half)).quantize(_SMALLEST)
