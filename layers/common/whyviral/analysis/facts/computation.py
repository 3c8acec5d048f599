"""Computes the facts of a post by arithmetic alone, before any model sees the post.

Every fact has an id to cite, a unit and a source. A value that the platform did not provide is absent, never zero, and
so are all facts that would be computed from it. `docs/metrics.md` lists every fact with its formula.
"""

from datetime import UTC, datetime

from whyviral.social.creator_baselines.comparison import Baseline

from .comments import add_comments
from .creator_comparison import add_comparison
from .fact_sheet import Fact, FactSheet
from .media import add_media
from .most_replayed import add_most_replayed
from .snapshot import PostSnapshot
from .speech import add_speech
from .text import add_text, add_title
from .virality import NOT_COMPARED

_ENGAGEMENTS = ("likes", "comments", "shares", "quotes", "bookmarks")
_COUNTS = (*_ENGAGEMENTS, "views")
_RATIOS = (
    ("engagements_per_view", "engagements", "views"),
    ("likes_per_view", "likes", "views"),
    ("comments_per_like", "comments", "likes"),
    ("shares_per_like", "shares", "likes"),
    ("engagements_per_follower", "engagements", "followers"),
    ("views_per_follower", "views", "followers"),
)
_HOURLY_RATES = (("engagements_per_hour", "engagements"), ("views_per_hour", "views"))
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def compute_facts(post: PostSnapshot, *, measured_at: datetime, baseline: Baseline = NOT_COMPARED) -> tuple[Fact, ...]:
    """Return every fact that follows from the snapshot, in a stable order.

    Args:
        post: the post with its media and transcripts.
        measured_at: when the metrics were read; ages and hourly rates refer to it.
        baseline: the creator's other posts, with which the post is compared.
    """
    facts = FactSheet()
    _add_counts(facts, post)
    _add_time(facts, post, measured_at)
    _add_ratios(facts)
    add_media(facts, post)
    add_speech(facts, post)
    add_most_replayed(facts, post)
    _add_details(facts, post)
    add_title(facts, post)
    add_text(facts, post)
    add_comparison(facts, post, baseline)
    return tuple(facts.by_name.values())


def _add_counts(facts: FactSheet, post: PostSnapshot) -> None:
    counts = {name: post.metrics[name] for name in _COUNTS if _is_count(post.metrics.get(name))}
    # Zero views beside engagement means unknown: X shows it for posts that are older than its view counts.
    if counts.get("views") == 0 and any(counts.get(name) for name in _ENGAGEMENTS):
        del counts["views"]
    for name, count in counts.items():
        facts.add(name, count, name, f"{post.platform} metrics")
    if post.followers is not None and _is_count(post.followers):
        facts.add("followers", post.followers, "accounts", f"{post.platform} author")


def _is_count(value: int | None) -> bool:
    return value is not None and 0 <= value < 2**63


def _add_time(facts: FactSheet, post: PostSnapshot, measured_at: datetime) -> None:
    if post.posted_at is None:
        return
    posted_at = post.posted_at.astimezone(UTC)
    source = f"{post.platform} post"
    facts.add("posted_at", posted_at.isoformat(timespec="seconds"), "UTC time", source)
    facts.add("post_weekday", _WEEKDAYS[posted_at.weekday()], "UTC weekday", source)
    facts.add("post_hour", posted_at.hour, "UTC hour", source)
    age_hours = (measured_at - posted_at).total_seconds() / 3600
    if age_hours >= 0:
        time_of_post = facts.by_name["posted_at"]
        facts.add("age", round(age_hours, 2), "hours", f"computed from {time_of_post.id} and the time of measurement")


def _add_ratios(facts: FactSheet) -> None:
    facts.add_sum("engagements", _ENGAGEMENTS, "engagements")
    for name, numerator, denominator in _RATIOS:
        facts.add_ratio(name, numerator, denominator, "ratio")
    for name, numerator in _HOURLY_RATES:
        # A younger post's hourly rate would be an extrapolation.
        facts.add_ratio(name, numerator, "age", f"{numerator} per hour", at_least=1)


def _add_details(facts: FactSheet, post: PostSnapshot) -> None:
    source = f"{post.platform} post"
    facts.add_flag("is_short", post.details.get("is_short"), source)
    facts.add_flag("is_paid_partnership", post.details.get("is_paid_partnership"), source)
    if isinstance(chapters := post.details.get("chapters"), list):
        facts.add("chapter_count", len(chapters), "chapters", source)
    add_comments(facts, post)
