"""Rule v0.1, for posts without a baseline: reach and spread beyond followers decide.

Each of the two signals gives 0, 1 or 2 points, by the first of its facts that is known. A viral post needs half of the
possible points and one point of reach. Engagement strength is reported as a reason and decides nothing, because it
falls when views grow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .fact_sheet import Fact
from .verdict import Confidence, Rule, Verdict

SETTLED_AFTER_HOURS = 24


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
}
_STRENGTH = "Engagement strength"
_STRENGTH_SCALES = (_Scale("engagements_per_view", 0.03, 0.08), _Scale("shares_per_like", 0.15, 0.3))


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


def judge_by_reach(facts: Mapping[str, Fact], *, n: int, without_baseline: str) -> Verdict:
    """Apply rule v0.1.

    Args:
        facts: the facts of one post by name.
        n: the number of comparable posts of the creator that are known.
        without_baseline: the sentence that says why they do not decide.
    """
    measured = [found for signal, scales in _SIGNALS.items() if (found := _measure(signal, scales, facts))]
    score = sum(signal.points for signal in measured) / (2 * len(measured)) if measured else 0.0
    threshold = 0.5 if len(measured) > 1 else 1.0
    has_reach = any(signal.signal == _REACH and signal.points for signal in measured)
    strength = _measure(_STRENGTH, _STRENGTH_SCALES, facts)
    doubts = _doubts(measured, facts)
    return Verdict(
        is_viral=has_reach and score >= threshold,
        rule=Rule.V0_1,
        score=round(score, 4),
        threshold=threshold,
        n=n,
        confidence=Confidence.LOW if doubts else Confidence.MEDIUM,
        reasons=(*map(str, measured), *([_reported(strength)] if strength else ()), *doubts, without_baseline),
    )


def _measure(signal: str, scales: Sequence[_Scale], facts: Mapping[str, Fact]) -> _Measured | None:
    for scale in scales:
        fact = facts.get(scale.fact_name)
        if fact and fact.number is not None:
            return _Measured(signal, fact, scale.points(fact.number), scale)
    return None


def _reported(strength: _Measured) -> str:
    fact, scale = strength.fact, strength.scale
    words = ("low", "high", "very high")[strength.points]
    return (
        f"{strength.signal}: {fact.name} is {fact.value} [{fact.id}], which is {words}"
        f" (high from {scale.one_point}, very high from {scale.two_points}); it does not decide."
    )


def _doubts(measured: Sequence[_Measured], facts: Mapping[str, Fact]) -> Sequence[str]:
    doubts = []
    missing = [signal for signal in _SIGNALS if signal not in {known.signal for known in measured}]
    if missing:
        doubts.append(f"Not known: {', '.join(missing).lower()}.")
    if "views" not in facts:
        doubts.append("Views are not known: reach is estimated from engagement.")
    age = facts.get("age")
    if age and age.number is not None and age.number < SETTLED_AFTER_HOURS:
        doubts.append(f"The post is {age.value} hours old [{age.id}]: its counts still move.")
    return doubts
