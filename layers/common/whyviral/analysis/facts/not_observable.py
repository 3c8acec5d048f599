"""What no public source shows about a post, so that an explanation can name it and never guess it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whyviral.social.creator_baselines.comparison import Baseline, NoBaseline
from whyviral.social.platforms import Platform

from .fact_sheet import Fact


@dataclass(frozen=True, slots=True)
class NotObservable:
    """Something about the post that cannot be known from outside."""

    name: str
    reason: str
    """Why it cannot be known, as a sentence."""


_ALWAYS = (
    NotObservable("watch_time", "Only the creator sees how long viewers watched."),
    NotObservable("impressions", "Only the creator sees how often the post was shown and how many people opened it."),
    NotObservable("traffic_sources", "Only the creator sees whether recommendations, search or links brought viewers."),
    NotObservable("audience", "Only the creator sees the age, the country and the interests of the viewers."),
    NotObservable("paid_reach", "Bought views and boosted posts look like any other from outside."),
    NotObservable("history", "The platform shows the counts of today, not how they grew."),
)
_HIDDEN: dict[str, str] = {
    "views": "The platform does not show the views of this post.",
    "likes": "The platform does not show the likes of this post.",
    "comments": "The platform does not show the number of comments on this post.",
    "followers": "The platform does not show how many followers the creator has.",
    "posted_at": "The platform does not show when the post was published.",
}
_SHARES = "The platform does not show how often the post was shared."
_SAVES = "The platform does not show how often the post was saved."


def list_not_observable(facts: Sequence[Fact], *, platform: Platform, baseline: Baseline) -> tuple[NotObservable, ...]:
    """Return what cannot be known about a post: always the same for its platform, its facts and its baseline."""
    return (*_ALWAYS, *_missing(frozenset(fact.name for fact in facts), platform, baseline))


def _missing(known: frozenset[str], platform: Platform, baseline: Baseline) -> Iterator[NotObservable]:
    for name, reason in _HIDDEN.items():
        if name not in known:
            yield NotObservable(name, reason)
    if "shares" not in known:
        yield NotObservable("shares", _SHARES)
    if "bookmarks" not in known:
        yield NotObservable("saves", _SAVES)
    if platform is Platform.YOUTUBE and "most_replayed_at" not in known:
        yield NotObservable("most_replayed", "YouTube shows no curve of the most replayed parts of this video.")
    if isinstance(baseline, NoBaseline):
        yield NotObservable("creator_baseline", f"The post has no baseline: {baseline.reason}.")
