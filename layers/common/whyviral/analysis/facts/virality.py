"""Computes whether a post is viral by a versioned rule, which the model explains and cannot overrule.

Rule v0 has no baseline of the creator's other posts. It gives 0, 1 or 2 points to each of three signals (reach, spread
beyond followers, engagement strength), by the first known fact of each. A viral post needs half of the possible points
and a minimum of reach. `docs/metrics.md` explains the rule with examples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .fact_sheet import Fact

RULE = "v0"
SETTLED_AFTER_HOURS = 24


class Confidence(StrEnum):
    """The confidence of a verdict; without a baseline of comparable posts it is never high."""

    LOW = "low"
    MEDIUM = "medium"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of the rule for one post, with its reasons."""

    is_viral: bool
    rule: str
    score: float
    """The post's points as a share of the points that the known signals could give: 0 to 1."""
    threshold: float
    """The minimum score of a viral post; it is higher if only one signal is known."""
    n: int
    """The number of other posts that the post was compared with; 0 without a baseline."""
    confidence: Confidence
    reasons: tuple[str, ...]
    """Sentences that cite facts by id."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """The values of a fact from which it gives one point and two points."""

    fact_name: str
    one_point: float
    two_points: float

    def points(self, value: float) -> int:
        return (value >= self.one_point) + (value >= self.two_points)


_REACH = "Reach"
_SIGNALS: Mapping[str, Sequence[_Scale]] = {
    # The second scale is used if views are hidden, as on old posts of X; it assumes that 5 in 100 viewers engage.
    _REACH: (_Scale("views", 100_000, 1_000_000), _Scale("engagements", 5_000, 50_000)),
    "Spread beyond followers": (_Scale("views_per_follower", 1, 3), _Scale("engagements_per_follower", 0.05, 0.15)),
    "Engagement strength": (_Scale("engagements_per_view", 0.03, 0.08), _Scale("shares_per_like", 0.15, 0.3)),
}


@dataclass(frozen=True, slots=True)
class _Measured:
    signal: str
    fact: Fact
    points: int
    scale: _Scale

    def __str__(self) -> str:
        return (
            f"{self.signal}: {self.fact.name} is {self.fact.value} [{self.fact.id}], {self.points} of 2 points"
            f" (1 from {self.scale.one_point}, 2 from {self.scale.two_points})."
        )


def judge(facts: Sequence[Fact]) -> Verdict:
    """Apply rule v0 to the facts of one post."""
    by_name = {fact.name: fact for fact in facts}
    measured = [found for signal, scales in _SIGNALS.items() if (found := _measure(signal, scales, by_name))]
    score = sum(signal.points for signal in measured) / (2 * len(measured)) if measured else 0.0
    threshold = 0.5 if len(measured) > 1 else 1.0
    has_reach = any(signal.signal == _REACH and signal.points for signal in measured)
    doubts = _doubts(measured, by_name)
    return Verdict(
        is_viral=has_reach and score >= threshold,
        rule=RULE,
        score=round(score, 4),
        threshold=threshold,
        n=0,
        confidence=Confidence.LOW if doubts else Confidence.MEDIUM,
        reasons=(*map(str, measured), *doubts, "No baseline: not compared with other posts of this creator."),
    )


def _measure(signal: str, scales: Sequence[_Scale], facts: Mapping[str, Fact]) -> _Measured | None:
    for scale in scales:
        fact = facts.get(scale.fact_name)
        if fact and fact.number is not None:
            return _Measured(signal, fact, scale.points(fact.number), scale)
    return None


def _doubts(measured: Sequence[_Measured], facts: Mapping[str, Fact]) -> Sequence[str]:
    doubts = []
    missing = [signal for signal in _SIGNALS if signal not in {known.signal for known in measured}]
    if missing:
        doubts.append(f"Not known: {', '.join(missing).lower()}.")
    if "views" not in facts:
        doubts.append("Views are not known: reach and strength are estimated from engagement.")
    age = facts.get("age")
    if age and age.number is not None and age.number < SETTLED_AFTER_HOURS:
        doubts.append(f"The post is {age.value} hours old [{age.id}]: its counts still move.")
    return doubts
