"""The sentences of a measured report about the verdict and the creator."""

from collections.abc import Iterator

from whyviral.analysis.explanation.claims.claim import Claim, ClaimKind
from whyviral.analysis.facts.virality import Verdict

from .phrases import KnownFacts, age, count, joined, times

_COUNTS = ("views", "likes", "comments", "shares")
_YOUNG_HOURS = 48.0


def verdict_sentences(facts: KnownFacts, verdict: Verdict) -> Iterator[Claim]:
    """Yield the verdict with the counts behind it, and how far it can be trusted."""
    known = [name for name in _COUNTS if facts.number(name) is not None]
    outcome = "went viral" if verdict.is_viral else "did not go viral"
    if not known:
        yield Claim(
            text=f"By our rule the post {outcome}, but the platform shows none of its counts.",
            kind=ClaimKind.INFERENCE,
            evidence=[],
        )
    else:
        counts = joined([count(facts.number(name) or 0.0, name) for name in known])
        yield facts.claim(f"By our rule the post {outcome}: it has {counts}.", *known)
    if "baseline_median" not in facts:
        yield Claim(
            text="It could not be compared with other posts of this creator, so only its own reach decided.",
            kind=ClaimKind.INFERENCE,
            evidence=[],
        )
    hours = facts.number("age")
    if hours is not None and hours < _YOUNG_HOURS:
        yield facts.claim(f"It is only {age(hours)} old, so its counts still grow.", "age")
    if verdict.confidence == "low":
        yield Claim(
            text="The verdict is uncertain, because too little could be measured or compared.",
            kind=ClaimKind.INFERENCE,
            evidence=[],
        )


def creator_sentences(facts: KnownFacts) -> Iterator[Claim]:
    """Yield what the facts say about the creator and the creator's other posts."""
    followers, views = facts.number("followers"), facts.number("views")
    if followers is not None:
        text = f"The creator has {count(followers, 'followers')}"
        yield facts.claim(
            f"{text}, and the post has {count(views, 'views')}." if views is not None else f"{text}.",
            "followers",
            *(["views"] if views is not None else []),
        )
    yield from _baseline_sentences(facts)
    if followers is None and "baseline_median" not in facts:
        yield Claim(
            text="The platform shows neither the followers of this creator nor enough other posts to compare with.",
            kind=ClaimKind.INFERENCE,
            evidence=[],
        )


def _baseline_sentences(facts: KnownFacts) -> Iterator[Claim]:
    n, median, best = (facts.number(f"baseline_{name}") for name in ("n", "median", "best"))
    metric, ratio = facts.words("baseline_metric"), facts.number("outlier_ratio")
    if n is None or median is None or metric is None:
        return
    if best is not None:
        yield facts.claim(
            f"Of the creator's {n:.0f} comparable posts, the typical one has {count(median, metric)}"
            f" and the best one {count(best, metric)}.",
            *("baseline_n", "baseline_median", "baseline_best"),
        )
    place = facts.number("baseline_place")
    if ratio is not None and place is not None:
        yield facts.claim(
            f"With {times(ratio)} the typical {metric}, this post is number {place:.0f} of {n + 1:.0f}.",
            *("outlier_ratio", "baseline_place", "baseline_n"),
        )
