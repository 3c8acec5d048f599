"""Properties of the verdict with and without a baseline, over random posts (`make proof`: 10,000 at PROOF_SCALE=1)."""

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fixtures.proof_scale import scaled
from whyviral.analysis.facts.computation import compute_facts
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.facts.snapshot import PostSnapshot
from whyviral.analysis.facts.virality import NOT_COMPARED, Confidence, Rule, Verdict, judge
from whyviral.integrations.ports.creator_posts import PostKind
from whyviral.social.creator_baselines.comparison import Baseline, BaselineMetric, CreatorBaseline, NoBaseline
from whyviral.social.platforms import Platform

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
VIEWS = BaselineMetric.VIEWS
INTERACTIONS = ("likes", "comments", "shares", "quotes", "bookmarks")


@dataclass(frozen=True)
class Case:
    """A random post with its baseline."""

    metrics: Mapping[str, int]
    followers: int | None = None
    posted_at: datetime | None = None
    baseline: Baseline = NOT_COMPARED
    was_chosen: bool = field(default=False)

    def facts(self) -> tuple[Fact, ...]:
        post = PostSnapshot(
            platform=Platform.X, text="", metrics=self.metrics, followers=self.followers, posted_at=self.posted_at
        )
        return compute_facts(post, measured_at=NOW, baseline=self.baseline)

    def verdict(self) -> Verdict:
        return judge(self.facts(), self.baseline, was_chosen_as_best=self.was_chosen)


def baseline_of(*counts: int, metric: BaselineMetric = VIEWS) -> CreatorBaseline:
    return CreatorBaseline(PostKind.POST, metric, tuple(sorted(counts)))


def random_case(chance: random.Random) -> Case:
    def count() -> int:
        return chance.choice([0, 1, int(10 ** chance.uniform(0, 9))])

    metrics = {name: count() for name in INTERACTIONS if chance.random() < 0.7}
    if chance.random() < 0.8:
        metrics["views"] = count() + sum(metrics.values())
    metric = VIEWS if "views" in metrics else BaselineMetric.LIKES
    baseline: Baseline = NoBaseline("only 1 comparable post of this creator", n=1)
    # Zero views beside engagement are unknown, so they are never compared.
    if metrics.get(metric.value) and chance.random() < 0.8:
        n = chance.choice([6, 7, 10, 20, 30])
        typical = chance.choice([0, 1, count()])
        spread = chance.choice([0.0, 0.8, 1.3])
        baseline = baseline_of(*(int(typical * math.exp(chance.gauss(0, spread))) for _ in range(n)), metric=metric)
    age = timedelta(hours=chance.choice([-5, 0, 1, 47, 1000]))
    followers = chance.choice([None, 0, count()])
    return Case(metrics, followers, chance.choice([None, NOW - age]), baseline, was_chosen=chance.random() < 0.1)


def scaled_up(case: Case, factor: int) -> Case:
    return replace(case, metrics={name: count * factor for name, count in case.metrics.items()})


def check_properties(case: Case, chance: random.Random) -> None:
    verdict = case.verdict()
    assert case.verdict() == verdict
    assert 0 <= verdict.score <= 1
    assert all(math.isfinite(fact.number) for fact in case.facts() if fact.number is not None)
    assert not verdict.is_viral or verdict.score >= verdict.threshold
    assert verdict.rule == (Rule.V1 if isinstance(case.baseline, CreatorBaseline) and not case.was_chosen else "v0.1")
    for name, count in case.metrics.items():
        # The choice of the count is fixed: a view count of zero may be unknown, and a known one stays known.
        if count or name != "views":
            more = replace(case, metrics={**case.metrics, name: count + chance.choice([1, 1000, count])})
            assert more.verdict().is_viral >= verdict.is_viral, (case, name)
    assert scaled_up(case, chance.choice([2, 3, 100])).verdict().is_viral >= verdict.is_viral, case
    if case.followers:
        fewer = replace(case, followers=max(1, case.followers // 2))
        assert fewer.verdict().is_viral >= verdict.is_viral, case


@pytest.mark.proof
def test_the_verdict_of_any_post_is_deterministic_finite_and_monotone() -> None:
    chance = random.Random(20261128)

    for _ in range(scaled(10_000)):
        check_properties(random_case(chance), chance)


def test_the_verdict_of_some_posts_is_deterministic_finite_and_monotone() -> None:
    chance = random.Random(7)

    for _ in range(150):
        check_properties(random_case(chance), chance)


def test_more_views_never_lose_the_verdict_that_rule_v0_lost() -> None:
    before = Case({"views": 1_000_000, "likes": 30_000}, followers=50_000_000)

    assert before.verdict().is_viral
    assert replace(before, metrics={"views": 1_100_000, "likes": 30_000}).verdict().is_viral


@pytest.mark.parametrize(
    ("views", "is_viral"), [(49_999, False), (50_000, True)], ids=["below five times", "at five times"]
)
def test_an_outlier_starts_at_five_times_the_median(views: int, is_viral: bool) -> None:
    assert Case({"views": views}, baseline=baseline_of(*[10_000] * 20)).verdict().is_viral == is_viral


def test_a_small_count_is_no_outlier_however_large_its_ratio() -> None:
    verdict = Case({"views": 9_999}, baseline=baseline_of(*[100] * 20)).verdict()

    assert not verdict.is_viral
    assert any("under the 10000 that an outlier needs" in reason for reason in verdict.reasons)


def test_a_ratio_of_five_among_many_such_posts_is_no_outlier() -> None:
    counts = [10_000] * 17 + [80_000] * 3

    assert not Case({"views": 60_000}, baseline=baseline_of(*counts)).verdict().is_viral


@pytest.mark.parametrize(("views", "is_viral"), [(999_999, False), (1_000_000, True)])
def test_a_creator_who_always_does_well_needs_twice_the_median_and_a_million_views(views: int, is_viral: bool) -> None:
    verdict = Case({"views": views}, followers=1_000, baseline=baseline_of(*[400_000] * 20)).verdict()

    assert verdict.is_viral == is_viral


def test_a_baseline_of_zeros_gives_a_finite_ratio() -> None:
    case = Case({"views": 20_000}, baseline=baseline_of(*[0] * 6))

    assert {fact.name: fact.value for fact in case.facts()}["outlier_ratio"] == 20_000
    assert case.verdict().is_viral


@pytest.mark.parametrize(
    ("n", "confidence"), [(6, Confidence.LOW), (9, Confidence.LOW), (10, Confidence.MEDIUM), (20, Confidence.HIGH)]
)
def test_confidence_grows_with_the_number_of_comparable_posts(n: int, confidence: Confidence) -> None:
    verdict = Case({"views": 900_000}, baseline=baseline_of(*[10_000] * n)).verdict()

    assert (verdict.confidence, verdict.n) == (confidence, n)


def test_a_doubt_about_the_baseline_lowers_the_confidence_and_is_a_reason() -> None:
    doubtful = replace(baseline_of(*[10_000] * 20), doubts=("The times are approximate.",))

    verdict = Case({"views": 900_000}, baseline=doubtful).verdict()

    assert verdict.confidence == Confidence.MEDIUM
    assert "The times are approximate." in verdict.reasons


def test_a_young_post_that_is_no_outlier_is_not_yet_viral() -> None:
    case = Case({"views": 20_000}, posted_at=NOW - timedelta(hours=5), baseline=baseline_of(*[10_000] * 20))

    verdict = case.verdict()

    assert (verdict.is_viral, verdict.confidence) == (False, Confidence.MEDIUM)
    assert any(reason.startswith("Not yet viral") for reason in verdict.reasons)


def test_the_best_posts_of_a_creator_are_ranked_and_not_called_outliers() -> None:
    case = Case({"views": 60_000}, followers=100_000, baseline=baseline_of(*[10_000] * 29), was_chosen=True)

    verdict = case.verdict()

    assert (verdict.is_viral, verdict.rule, verdict.n) == (False, Rule.V0_1, 29)
    assert any("place 1 [" in reason and "among 30 posts" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_post_without_enough_others_says_how_many_there_were(n: int) -> None:
    verdict = Case({"views": 100}, baseline=NoBaseline(f"only {n} comparable posts of this creator", n=n)).verdict()

    assert (verdict.rule, verdict.n) == (Rule.V0_1, n)
    assert verdict.reasons[-1] == f"No baseline: only {n} comparable posts of this creator."


def test_likes_are_compared_with_low_confidence_where_views_are_hidden() -> None:
    baseline = baseline_of(*range(8_000, 10_200, 200), metric=BaselineMetric.LIKES)

    verdict = Case({"likes": 48_000}, baseline=baseline).verdict()

    assert (verdict.is_viral, verdict.confidence) == (True, Confidence.LOW)


def test_every_reason_cites_only_facts_that_exist() -> None:
    case = Case({"views": 3_000_000}, followers=50_000, baseline=baseline_of(*range(1_000_000, 2_500_000, 50_000)))
    cited = set(re.findall(r"\bF\d+\b", " ".join(case.verdict().reasons)))

    assert cited
    assert cited <= {fact.id for fact in case.facts()}
