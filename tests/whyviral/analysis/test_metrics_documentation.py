"""docs/metrics.md tells the truth: its tables and its example are compared with what is computed."""

import re
from datetime import UTC, datetime
from pathlib import Path

from whyviral.analysis.facts import PostSnapshot, compute_facts
from whyviral.analysis.virality import judge
from whyviral.integrations.post_scraper import MediaKind
from whyviral.social.platforms import Platform

DOCUMENT = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
MEASURED_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_table_names_every_fact_and_no_other() -> None:
    known = PostSnapshot(
        platform=Platform.X,
        text="Why #kites? @wind",
        posted_at=datetime(2026, 11, 20, tzinfo=UTC),
        metrics=dict.fromkeys(["likes", "comments", "shares", "quotes", "bookmarks", "views"], 5),
        followers=5,
        language="en",
        media_kinds=[MediaKind.IMAGE],
        duration_s=2.5,
    )
    table = DOCUMENT.partition("## Facts")[2].partition("## Rule")[0]

    documented = [name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in row.split()]

    computed = {fact.name for fact in compute_facts(known, measured_at=MEASURED_AT)}
    assert sorted(name.strip("`") for name in documented) == sorted(computed)


def test_the_example_is_what_is_computed() -> None:
    post = PostSnapshot(
        platform=Platform.X,
        text="just setting up my twttr",
        username="jack",
        posted_at=datetime(2006, 3, 21, 20, 50, 14, tzinfo=UTC),
        metrics={"likes": 300_000, "comments": 16_500, "shares": 125_000},
        followers=6_500_000,
        language="en",
        media_kinds=(),
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


def test_the_verdicts_of_the_table_are_those_of_the_rule() -> None:
    rows = re.findall(r"^\| ([\d,]+ views.*?) \|.*\| ((?:not )?viral)[^|]*\|$", DOCUMENT, re.MULTILINE)

    for description, documented in rows:
        counts = {name: int(count.replace(",", "")) for count, name in re.findall(r"(\d[\d,]*) (\w+)", description)}
        followers = counts.pop("followers", None)
        post = PostSnapshot(platform=Platform.X, text="", metrics=counts, followers=followers)
        verdict = judge(compute_facts(post, measured_at=MEASURED_AT))
        assert verdict.is_viral == (documented == "viral"), description
    assert len(rows) == 5
