"""Computes whether a post is viral by a versioned rule, which the model explains and cannot overrule.

Rule v1 compares the post with the creator's other posts of its kind. Without such a baseline rule v0.1 decides by reach
and spread alone. Both are monotone: gaining views or interactions never loses the verdict. `docs/metrics.md` explains
the rules with examples.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from whyviral.social.creator_baselines.comparison import Baseline, BaselineMetric, CreatorBaseline, NoBaseline

from .fact_sheet import Fact
from .reach_rule import judge_by_reach
from .verdict import Confidence, Rule, Verdict

__all__ = ["NOT_COMPARED", "Confidence", "Rule", "Verdict", "judge"]

NOT_COMPARED = NoBaseline("not compared with other posts of this creator")

_OUTLIER_RATIO = 5.0
_OUTLIER_RANK = 0.9
_MIN_COUNT = {BaselineMetric.VIEWS: 10_000, BaselineMetric.LIKES: 500}
_ALWAYS_WELL_RATIO = 2.0
_ALWAYS_WELL_VIEWS = 1_000_000
_ALWAYS_WELL_VIEWS_PER_FOLLOWER = 3.0
_SCORE_RATIO = 25.0
"""The ratio with a score of 1; the threshold of 0.5 lies at its square root, `_OUTLIER_RATIO`."""
_THRESHOLD = 0.5
_SETTLED_AFTER_HOURS = 48
_HIGH_N, _MEDIUM_N = 20, 10


def judge(facts: Sequence[Fact], baseline: Baseline = NOT_COMPARED, *, was_chosen_as_best: bool = False) -> Verdict:
    """Apply the rule to the facts of one post.

    Args:
        facts: the facts of the post, which include those about `baseline`.
        baseline: the creator's comparable posts, or why there are none.
        was_chosen_as_best: whether the post was picked because it did best among the creator's posts. The best of 30
            posts has a ratio above 5 in most cases by chance, so the ratio is a rank then and decides nothing.
    """
    by_name = {fact.name: fact for fact in facts}
    if isinstance(baseline, NoBaseline):
        return judge_by_reach(by_name, n=baseline.n, without_baseline=f"No baseline: {baseline.reason}.")
    if was_chosen_as_best:
        return judge_by_reach(by_name, n=baseline.n, without_baseline=_rank_sentence(by_name, baseline))
    return _judge_by_baseline(by_name, baseline)


def _judge_by_baseline(facts: Mapping[str, Fact], baseline: CreatorBaseline) -> Verdict:
    """Apply rule v1."""
    ratio = _number(facts, "outlier_ratio")
    is_outlier = (
        ratio >= _OUTLIER_RATIO
        and _number(facts, "baseline_rank") >= _OUTLIER_RANK
        and _number(facts, baseline.metric.value) >= _MIN_COUNT[baseline.metric]
    )
    has_big_reach = _has_big_reach(facts, baseline)
    does_always_well = has_big_reach and ratio >= _ALWAYS_WELL_RATIO
    score = min(1.0, max(0.0, math.log(ratio) / math.log(_SCORE_RATIO))) if ratio > 0 else 0.0
    is_viral = is_outlier or does_always_well
    doubts = tuple(_doubts(facts, baseline, is_viral=is_viral, has_big_reach=has_big_reach))
    return Verdict(
        is_viral=is_viral,
        rule=Rule.V1,
        score=round(max(score, _THRESHOLD) if does_always_well else score, 4),
        threshold=_THRESHOLD,
        n=baseline.n,
        confidence=_confidence(baseline.n, len(doubts)),
        reasons=(*_reasons(facts, baseline, does_always_well=does_always_well, is_viral=is_viral), *doubts),
    )


def _has_big_reach(facts: Mapping[str, Fact], baseline: CreatorBaseline) -> bool:
    """Whether the post reached far beyond a large audience: the condition for creators who always do well."""
    return (
        baseline.metric is BaselineMetric.VIEWS
        and _number(facts, "views") >= _ALWAYS_WELL_VIEWS
        and _number(facts, "views_per_follower") >= _ALWAYS_WELL_VIEWS_PER_FOLLOWER
    )


def _confidence(n: int, doubts: int) -> Confidence:
    if n >= _HIGH_N and not doubts:
        return Confidence.HIGH
    return Confidence.MEDIUM if n >= _MEDIUM_N and doubts <= 1 else Confidence.LOW


def _reasons(
    facts: Mapping[str, Fact], baseline: CreatorBaseline, *, does_always_well: bool, is_viral: bool
) -> Iterator[str]:
    metric = baseline.metric.value
    low, high = facts["outlier_ratio_low"], facts["outlier_ratio_high"]
    yield (
        f"{_cited(facts, 'outlier_ratio')} times the median {metric} of the creator's {baseline.n} last comparable"
        f" posts; between {_short(low)} and {_short(high)} times [{low.id}, {high.id}]."
    )
    rank = facts["baseline_rank"]
    yield (
        f"More {metric} than {float(rank.number or 0):.0%} of these posts [{rank.id}];"
        f" an outlier needs {_OUTLIER_RATIO:g} times the median, and more {metric} than {_OUTLIER_RANK:.0%} of them."
    )
    least = _MIN_COUNT[baseline.metric]
    if _number(facts, metric) < least:
        yield f"{_cited(facts, metric)} {metric} are under the {least} that an outlier needs."
    if does_always_well:
        yield (
            f"{_cited(facts, 'views')} views and {_cited(facts, 'views_per_follower')} views per follower: viral from"
            f" {_ALWAYS_WELL_RATIO:g} times the median, because this creator's posts always do well."
        )
    if not is_viral and _is_young(facts):
        yield "Not yet viral: the counts of a young post still grow, so its ratio is a lower bound."


def _doubts(
    facts: Mapping[str, Fact], baseline: CreatorBaseline, *, is_viral: bool, has_big_reach: bool
) -> Iterator[str]:
    low, high = _number(facts, "outlier_ratio_low"), _number(facts, "outlier_ratio_high")
    if baseline.metric is BaselineMetric.LIKES:
        yield "Likes are compared, because the views of the post or of the other posts are not known."
    limits = (_OUTLIER_RATIO, *((_ALWAYS_WELL_RATIO,) if has_big_reach else ()))
    for limit in limits:
        if low <= limit <= high:
            yield f"The ratio may lie on either side of {limit:g}, given how much the creator's posts vary."
    if not is_viral and _is_young(facts):
        yield f"The post is {_cited(facts, 'age')} hours old: its counts still move."
    yield from baseline.doubts


def _is_young(facts: Mapping[str, Fact]) -> bool:
    return "age" in facts and _number(facts, "age") < _SETTLED_AFTER_HOURS


def _rank_sentence(facts: Mapping[str, Fact], baseline: CreatorBaseline) -> str:
    return (
        f"Chosen for its place {_cited(facts, 'baseline_place')} among {baseline.n + 1} posts of this creator: its"
        f" {_cited(facts, 'outlier_ratio')} times the median is a rank and no surprise, so it does not decide."
    )


def _cited(facts: Mapping[str, Fact], name: str) -> str:
    return f"{_short(facts[name])} [{facts[name].id}]"


def _short(fact: Fact) -> str:
    """Return the fact's value, a fraction with three significant digits."""
    if not isinstance(fact.value, float):
        return str(fact.value)
    return f"{float(f'{fact.value:.3g}'):,}".removesuffix(".0")


def _number(facts: Mapping[str, Fact], name: str) -> float:
    """Return a fact as a number; 0 if it is unknown, which never makes a post viral."""
    fact = facts.get(name)
    return float(fact.number) if fact and fact.number is not None else 0.0
