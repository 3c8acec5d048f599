import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.analysis.facts.computation import compute_facts
from whyviral.analysis.facts.snapshot import PostSnapshot
from whyviral.analysis.facts.virality import Confidence, Rule, Verdict, judge
from whyviral.social.platforms import Platform

MEASURED_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def verdict_of(*, age: timedelta = timedelta(days=30), followers: int | None = None, **metrics: int) -> Verdict:
    post = PostSnapshot(
        platform=Platform.X, text="kite", posted_at=MEASURED_AT - age, metrics=metrics, followers=followers
    )
    return judge(compute_facts(post, measured_at=MEASURED_AT))


@pytest.mark.parametrize(
    ("known", "is_viral", "confidence"),
    [
        ({"views": 9_000_000, "likes": 200_000, "followers": 90_000}, True, "medium"),
        ({"views": 120_000, "likes": 2_000, "followers": 10_000}, True, "medium"),
        ({"views": 1_200_000, "likes": 12_000, "followers": 50_000_000}, True, "medium"),
        ({"views": 120_000, "likes": 6_000, "followers": 200_000}, False, "medium"),
        ({"views": 20_000, "likes": 5_000, "followers": 100}, False, "medium"),
        ({"likes": 300_000, "shares": 120_000, "followers": 6_500_000}, True, "low"),
        ({"likes": 30, "shares": 20, "followers": 10}, False, "low"),
        ({"views": 10_000_000}, True, "low"),
        ({"views": 999_999}, False, "low"),
        ({"followers": 10}, False, "low"),
        ({}, False, "low"),
    ],
)
def test_a_verdict_combines_reach_spread_and_strength(known: dict[str, Any], is_viral: bool, confidence: str) -> None:
    verdict = verdict_of(**known)

    assert (verdict.is_viral, verdict.confidence) == (is_viral, confidence)
    assert (verdict.rule, verdict.n) == ("v0.1", 0)


@pytest.mark.parametrize(("views", "score"), [(99_999, 0.0), (100_000, 0.5), (999_999, 0.5), (1_000_000, 1.0)])
def test_a_value_at_the_threshold_gives_a_point(views: int, score: float) -> None:
    assert verdict_of(views=views).score == score


def test_the_reasons_of_a_verdict_show_its_points_and_cite_facts() -> None:
    verdict = verdict_of(views=120_000, likes=2_000, followers=10_000)

    assert verdict == Verdict(
        is_viral=True,
        rule=Rule.V0_1,
        score=0.75,
        threshold=0.5,
        n=0,
        confidence=Confidence.MEDIUM,
        reasons=(
            "Reach: views is 120000 [F2], 1 of 2 points (1 from 100000, 2 from 1000000).",
            "Spread beyond followers: views_per_follower is 12.0 [F12], 2 of 2 points (1 from 1, 2 from 3).",
            "Engagement strength: engagements_per_view is 0.0166667 [F9], which is low (high from 0.03, very high from"
            " 0.08); it does not decide.",
            "No baseline: not compared with other posts of this creator.",
        ),
    )


@pytest.mark.parametrize(
    ("known", "doubt"),
    [
        ({"likes": 10}, "Views are not known"),
        ({"views": 10}, "Not known: spread beyond followers."),
        ({}, "Not known: reach, spread beyond followers."),
        ({"views": 10, "likes": 1, "followers": 1, "age": timedelta(hours=23)}, "its counts still move"),
    ],
)
def test_a_verdict_of_low_confidence_has_a_reason_for_it(known: dict[str, Any], doubt: str) -> None:
    verdict = verdict_of(**known)

    assert verdict.confidence == Confidence.LOW
    assert any(doubt in reason for reason in verdict.reasons)


COUNTS = st.integers(0, 10**9)


@given(st.dictionaries(st.sampled_from(["likes", "comments", "views", "shares"]), COUNTS), st.none() | COUNTS)
def test_every_verdict_is_within_its_scale_and_cites_only_facts(metrics: dict[str, int], followers: int | None) -> None:
    post = PostSnapshot(platform=Platform.X, text="", metrics=metrics, followers=followers)
    facts = compute_facts(post, measured_at=MEASURED_AT)

    verdict = judge(facts)

    assert 0 <= verdict.score <= 1
    assert not verdict.is_viral or verdict.score >= verdict.threshold
    assert set(re.findall(r"\[(F\d+)\]", " ".join(verdict.reasons))) <= {fact.id for fact in facts}


@given(COUNTS, COUNTS, COUNTS)
def test_more_views_never_lower_the_points_for_reach(views: int, more: int, followers: int) -> None:
    fewer, greater = (verdict_of(views=count, followers=followers) for count in (views, views + more))

    assert greater.is_viral >= fewer.is_viral
