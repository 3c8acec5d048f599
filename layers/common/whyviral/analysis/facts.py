"""What can be known about a post by arithmetic alone, before any model sees it.

Every fact has an id to cite, a unit and a source. What the platform did not tell is absent, never zero, and so is all
that would be computed from it. `docs/metrics.md` lists every fact with its formula.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from whyviral.integrations.post_scraper import MediaKind
from whyviral.social.platforms import Platform

from .post_text import read_text

type FactValue = int | float | str | tuple[str, ...]

POST_TEXT = "post text"
MAX_LISTED_TAGS = 30

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
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,4})?")
_NO_LANGUAGE = re.compile(r"q[a-t][a-z]|und|zxx|mul|mis")
"""How X says that a text is in no language, such as `qme`. Source: ISO 639-2, local and special codes."""


@dataclass(frozen=True, slots=True)
class PostSnapshot:
    """A post as it was when it was measured; text and username are the author's words and untrusted."""

    platform: Platform
    text: str
    username: str | None = None
    posted_at: datetime | None = None
    metrics: Mapping[str, int] = field(default_factory=dict)
    """Any of likes, comments, views, shares, quotes, bookmarks; counts the platform hides are absent."""
    followers: int | None = None
    language: str | None = None
    media_kinds: Sequence[MediaKind] | None = None
    """One for each medium; empty where the post has none, None where that is not known."""
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing we measured."""

    id: str
    """`F1`, `F2`, … in the order of one call; what a claim cites."""
    name: str
    value: FactValue
    unit: str
    source: str

    @property
    def number(self) -> int | float | None:
        """Return the value where it is a number."""
        return self.value if isinstance(self.value, int | float) else None

    @property
    def is_quotation(self) -> bool:
        """Whether the value is words of the post, which are data and never instructions."""
        return self.source == POST_TEXT and self.number is None


def compute_facts(post: PostSnapshot, *, measured_at: datetime) -> tuple[Fact, ...]:
    """Return every fact that follows from the snapshot, in a stable order.

    Args:
        post: what is known of the post.
        measured_at: when its metrics were read; ages and hourly rates end there.
    """
    facts = _Facts()
    _add_counts(facts, post)
    _add_time(facts, post, measured_at)
    _add_ratios(facts)
    _add_media(facts, post)
    _add_text(facts, post)
    return tuple(facts.by_name.values())


class _Facts:
    """Facts in the making: numbers them, and skips those whose inputs are unknown."""

    def __init__(self) -> None:
        self.by_name: dict[str, Fact] = {}

    def add(self, name: str, value: FactValue, unit: str, source: str) -> None:
        self.by_name[name] = Fact(f"F{len(self.by_name) + 1}", name, value, unit, source)

    def add_sum(self, name: str, terms: Sequence[str], unit: str) -> None:
        known = [fact for term in terms if (fact := self.by_name.get(term))]
        if known:
            self.add(name, sum(fact.number or 0 for fact in known), unit, _computed_from(*known))

    def add_ratio(self, name: str, numerator: str, denominator: str, unit: str, *, at_least: float = 0) -> None:
        above, below = self.by_name.get(numerator), self.by_name.get(denominator)
        if above and below and below.number and above.number is not None and below.number >= at_least:
            self.add(name, _six_digits(above.number / below.number), unit, _computed_from(above, below))


def _computed_from(*inputs: Fact) -> str:
    *others, last = (fact.id for fact in inputs)
    return f"computed from {', '.join(others)} and {last}" if others else f"computed from {last}"


def _six_digits(value: float) -> float:
    """Round to six significant digits: more would claim a precision that counts of a live post do not have."""
    return float(f"{value:.6g}")


def _add_counts(facts: _Facts, post: PostSnapshot) -> None:
    counts = {name: post.metrics[name] for name in _COUNTS if _is_count(post.metrics.get(name))}
    # Nobody likes a post without seeing it: zero views beside engagement is how X shows posts from before it counted.
    if counts.get("views") == 0 and any(counts.get(name) for name in _ENGAGEMENTS):
        del counts["views"]
    for name, count in counts.items():
        facts.add(name, count, name, f"{post.platform} metrics")
    if post.followers is not None and _is_count(post.followers):
        facts.add("followers", post.followers, "accounts", f"{post.platform} author")


def _is_count(value: int | None) -> bool:
    return value is not None and 0 <= value < 2**63


def _add_time(facts: _Facts, post: PostSnapshot, measured_at: datetime) -> None:
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


def _add_ratios(facts: _Facts) -> None:
    facts.add_sum("engagements", _ENGAGEMENTS, "engagements")
    for name, numerator, denominator in _RATIOS:
        facts.add_ratio(name, numerator, denominator, "ratio")
    for name, numerator in _HOURLY_RATES:
        # A younger post's hourly rate would be an extrapolation.
        facts.add_ratio(name, numerator, "age", f"{numerator} per hour", at_least=1)


def _add_media(facts: _Facts, post: PostSnapshot) -> None:
    source = f"{post.platform} media"
    if post.media_kinds is not None:
        for kind in (MediaKind.IMAGE, MediaKind.VIDEO):
            facts.add(f"{kind}_count", list(post.media_kinds).count(kind), f"{kind}s", source)
    if post.duration_s is not None and math.isfinite(post.duration_s) and post.duration_s > 0:
        facts.add("duration", round(post.duration_s, 2), "seconds", source)


def _add_text(facts: _Facts, post: PostSnapshot) -> None:
    text = read_text(post.text)
    facts.add("text_length", text.characters, "characters", POST_TEXT)
    facts.add("text_words", text.words, "words", POST_TEXT)
    language = (post.language or "").strip()
    if _LANGUAGE.fullmatch(language) and not _NO_LANGUAGE.fullmatch(language):
        facts.add("language", language, "language code", f"{post.platform} post")
    if text.hook and MediaKind.VIDEO not in (
        post.media_kinds or ()
    ):  # the hook of a video is what it shows and says first
        facts.add("hook_text", text.hook, "text", POST_TEXT)
    facts.add("hashtag_count", len(text.hashtags), "hashtags", POST_TEXT)
    facts.add("mention_count", len(text.mentions), "mentions", POST_TEXT)
    if text.hashtags:
        facts.add("hashtags", tuple(text.hashtags[:MAX_LISTED_TAGS]), "list", POST_TEXT)
    if text.mentions:
        facts.add("mentions", tuple(text.mentions[:MAX_LISTED_TAGS]), "list", POST_TEXT)
    facts.add("link_count", text.links, "links", POST_TEXT)
    facts.add("question_count", text.questions, "question marks", POST_TEXT)
    facts.add("exclamation_count", text.exclamations, "exclamation marks", POST_TEXT)
    facts.add("emoji_count", text.emojis, "emojis", POST_TEXT)
