"""How much a post makes people do, as one number from 0 to 100 that posts of any size share: docs/metrics.md.

It describes a post and decides nothing: whether a post is viral is the rule's business.
"""

from collections.abc import Mapping
from decimal import Decimal

VERSION = "v1"
"""Saved scores are of the version that was current when the post was fetched."""

_WEIGHTS = {"likes": 1, "comments": 2, "bookmarks": 2, "shares": 3, "quotes": 3}
"""What costs people more effort, or reaches further, weighs more."""
_HALF_PER_VIEW = Decimal("0.05")
"""The weighted engagements of each viewer that give a score of 50."""
_HALF_PER_FOLLOWER = Decimal("0.05")
_SMALLEST = Decimal("0.000001")


def engagement_score(metrics: Mapping[str, int], followers: int | None) -> Decimal | None:
    """Return weighted engagements per view, or per follower where views are not known, bent into 0 to 100.

    Args:
        metrics: any of likes, comments, views, shares, quotes, bookmarks; hidden counts are absent.
        followers: of the author, where known.

    Returns:
        None where no engagement, or neither views nor followers, is known.
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
    """Bend a rate that has no upper end: the first engaged viewers count most, and no post reaches 100."""
    return (100 * rate / (rate + half)).quantize(_SMALLEST)
