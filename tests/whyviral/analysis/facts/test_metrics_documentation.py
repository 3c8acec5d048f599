"""The tables and the example of docs/metrics.md match the computed values."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from whyviral.analysis.facts.computation import compute_facts
from whyviral.analysis.facts.snapshot import MediumSnapshot, PostSnapshot
from whyviral.analysis.facts.virality import judge
from whyviral.integrations.ports.creator_posts import PostKind
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import SpokenSegment, TranscriptSource
from whyviral.social.creator_baselines.comparison import BaselineMetric, CreatorBaseline
from whyviral.social.engagement import VERSION, engagement_score
from whyviral.social.platforms import Platform

DOCUMENT = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text(encoding="utf-8")
MEASURED_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_documented_facts_are_exactly_the_computed_ones() -> None:
    known: dict[str, Any] = {
        "platform": Platform.X,
        "text": "Why #kites? @wind",
        "posted_at": datetime(2026, 11, 20, tzinfo=UTC),
        "metrics": dict.fromkeys(["likes", "comments", "shares", "quotes", "bookmarks", "views"], 5),
        "followers": 5,
        "language": "en",
    }
    photo = PostSnapshot(**known, media=[MediumSnapshot(MediaKind.IMAGE)])
    video = PostSnapshot(
        **known,
        media=[
            MediumSnapshot(
                MediaKind.VIDEO,
                duration_s=2.5,
                width=9,
                height=16,
                measurements=dict.fromkeys(re.findall(r"^- `(\w+)`", DOCUMENT, re.MULTILINE), 0.5),
                has_speech=True,
                segments=[SpokenSegment(0.1, 2.5, "Look up")],
                transcript_source=TranscriptSource.WHISPER,
                transcript_language="en",
            )
        ],
        details={
            "title": "Kites",
            "sound": "Wind",
            "is_short": True,
            "is_paid_partnership": False,
            "chapters": [],
            "most_replayed": [{"start_s": 1, "end_s": 2, "value": 1}],
        },
        comments=[{"text": "great kite"}] * 3,
    )
    baseline = CreatorBaseline(
        kind=PostKind.POST,
        metric=BaselineMetric.VIEWS,
        counts=(1, 2, 3, 4, 5, 6),
        posted_from=MEASURED_AT,
        posted_to=MEASURED_AT,
        posting_hours=(12,) * 6,
    )
    table = DOCUMENT.partition("## Facts")[2].partition("## Measurements")[0]

    documented = [name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in row.split()]

    computed = {
        fact.name for post in (photo, video) for fact in compute_facts(post, measured_at=MEASURED_AT, baseline=baseline)
    }
    assert sorted(name.strip("`") for name in documented) == sorted(computed)


def test_the_documented_engagement_scores_are_correct() -> None:
    table = DOCUMENT.partition("## Engagement score")[2]
    rows = re.findall(r"^\| ([\d,]+ \w+.*?) \| ([\d.]+|unknown) \|$", table, re.MULTILINE)

    for description, documented in rows:
        counts = {name: int(count.replace(",", "")) for count, name in re.findall(r"(\d[\d,]*) (\w+)", description)}
        followers = counts.pop("followers", None)
        score = engagement_score(counts, followers)
        assert ("unknown" if score is None else f"{score:.1f}") == documented, description
    assert len(rows) == 5
    assert f"version {VERSION}" in table


def test_the_documented_example_is_correct() -> None:
    post = PostSnapshot(
        platform=Platform.X,
        text="just setting up my twttr",
        username="jack",
        posted_at=datetime(2006, 3, 21, 20, 50, 14, tzinfo=UTC),
        metrics={"likes": 300_000, "comments": 16_500, "shares": 125_000},
        followers=6_500_000,
        language="en",
        media=(),
    )
    _, facts_block, _, verdict_block, _ = DOCUMENT.partition("## Example")[2].split("```\n")

    facts = compute_facts(post, measured_at=MEASURED_AT)
    verdict = judge(facts)

    assert facts_block.splitlines() == [f"[{f.id}] {f.name} = {f.value} {f.unit} ({f.source})" for f in facts]
    assert verdict_block.splitlines() == [
        f"is_viral = {str(verdict.is_viral).lower()} (rule {verdict.rule}, score {verdict.score}, "
        f"threshold {verdict.threshold}, confidence {verdict.confidence}, n {verdict.n})",
        *(f"- {reason}" for reason in verdict.reasons),
    ]


def _number_before(word: str, description: str) -> int:
    found = re.search(rf"([\d,]+) {word}", description)
    return int(found[1].replace(",", "")) if found else 0


def test_the_documented_verdicts_with_a_baseline_are_correct() -> None:
    section = DOCUMENT.partition("## Rule v1")[2].partition("## Rule v0.1")[0]
    rows = re.findall(r"^\| ([\d,]+ (?:views|likes).*?) \| ([\d.]+) \| (.*?) \|$", section, re.MULTILINE)

    for description, ratio, documented in rows:
        metric = BaselineMetric.VIEWS if "views" in description else BaselineMetric.LIKES
        median, n = (int(re.search(rf"{name} ([\d,]+)", description)[1].replace(",", "")) for name in ("median", "N"))  # type: ignore[index]
        hours = _number_before("hours", description) or 1_000
        steps = [1 + 0.08 * number for number in range(1, (n + 1) // 2)]
        middle = [median] * (n - 2 * len(steps))
        counts = [
            *(round(median / step) for step in reversed(steps)),
            *middle,
            *(round(median * step) for step in steps),
        ]
        baseline = CreatorBaseline(PostKind.POST, metric, tuple(counts))
        post = PostSnapshot(
            platform=Platform.X,
            text="",
            posted_at=MEASURED_AT - timedelta(hours=hours),
            metrics={metric.value: _number_before(metric.value, description)},
            followers=_number_before("followers", description) or None,
        )
        facts = compute_facts(post, measured_at=MEASURED_AT, baseline=baseline)
        verdict = judge(facts, baseline)
        found = {fact.name: fact.value for fact in facts}["outlier_ratio"]
        assert f"{found:.1f}" == f"{float(ratio):.1f}", description
        assert verdict.is_viral == documented.startswith("viral"), description
        assert f"({verdict.score:.2f})" in documented, (description, verdict.score)
        if "low" in documented or "medium" in documented or "high" in documented:
            assert verdict.confidence.value in documented, (description, verdict)
    assert len(rows) == 7


def test_the_documented_verdicts_without_a_baseline_are_correct() -> None:
    section = DOCUMENT.partition("## Rule v0.1")[2]
    rows = re.findall(r"^\| ([\d,]+ views.*?) \|.*\| ((?:not )?viral)[^|]*\|$", section, re.MULTILINE)

    for description, documented in rows:
        counts = {name: int(count.replace(",", "")) for count, name in re.findall(r"(\d[\d,]*) (\w+)", description)}
        followers = counts.pop("followers", None)
        post = PostSnapshot(platform=Platform.X, text="", metrics=counts, followers=followers)
        verdict = judge(compute_facts(post, measured_at=MEASURED_AT))
        assert verdict.is_viral == (documented == "viral"), description
    assert len(rows) == 5
