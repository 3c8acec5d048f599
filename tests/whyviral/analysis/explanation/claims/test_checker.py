import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.analysis.explanation.claims.checker import ClaimChecker, Findings
from whyviral.analysis.explanation.claims.claim import Claim, ClaimKind, SourceKind
from whyviral.analysis.explanation.claims.source import (
    by_id,
    fact_source,
    medium_source,
    span_source,
    text_source,
)
from whyviral.analysis.facts.fact_sheet import Fact

INSTRUCTIONS = "You are a careful analyst of social media posts and you explain why one post performed as it did."
FACTS = (
    Fact("F1", "views", 48_100, "views", "x metrics"),
    Fact("F2", "likes", 300, "likes", "x metrics"),
    Fact("F3", "comments", 150, "comments", "x metrics"),
    Fact("F4", "posted_at", "2026-11-14T09:00:00+00:00", "UTC time", "x post"),
    Fact("F5", "spoken_hook", "Stop scrolling now", "text", "whisper", is_quotation=True),
    Fact("F6", "outlier_ratio", 12.4, "times the median", "computed"),
    Fact("F7", "cut_count", 9, "cuts", "measured"),
    Fact("F8", "duration", 30.0, "seconds", "media"),
)
SOURCES = by_id(
    [
        *map(fact_source, FACTS),
        span_source("T1", video=1, start_s=0.0, end_s=2.5, text="Stop scrolling now, it cost 49 dollars"),
        medium_source("M1", label="video 1, frame at 4.0 s", at_s=4.0),
        text_source("P1", SourceKind.TEXT, "text of the post", "We fly. 12 million views! https://evil.example #kites"),
        text_source("C1", SourceKind.COMMENT, "comment 1", "Amazing!", likes=7),
    ]
)


def check(text: str, *evidence: str, kind: ClaimKind = ClaimKind.INFERENCE, is_viral: bool = True) -> Findings:
    checker = ClaimChecker(SOURCES, is_viral=is_viral, instructions=INSTRUCTIONS, username="ada")
    return checker.check(Claim(text=text, kind=kind, evidence=list(evidence)))


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("It has 48,100 views.", ["F1"]),
        ("It has twice as many likes as comments.", ["F2", "F3"]),
        ("At 4.0 s a kite is seen.", ["M1"]),
        ("In the first three seconds it says “stop scrolling”.", ["T1"]),
        ("A comment with 7 likes says “Amazing!”", ["C1"]),
        ("@ada uses #kites.", ["P1"]),
        ("The caption claims 12 million views.", ["P1"]),
        ("Nothing here is a number.", []),
    ],
)
def test_what_the_evidence_proves_passes(text: str, evidence: list[str]) -> None:
    assert check(text, *evidence).reasons == ()


@pytest.mark.parametrize(
    ("text", "evidence", "reason"),
    [
        ("It has 50,000 views.", ["F1"], "the number '50,000'"),
        ("It has 300 views.", ["F2"], "the number '300'"),
        ("It has 48,100 views.", ["F2"], "the number '48,100'"),
        ("It has 48,100 views.", [], "the number '48,100'"),
        ("It has 12 million views.", ["P1"], "the number '12 million'"),
        ("It has 160 times as many views as likes.", [*["F1", "F2", "F3", "F6", "F7", "F8"]], "the number '160 times'"),
        ("It went up on 15 November.", ["F4"], "the date or time '15 November'"),
        ("It says “keep scrolling”.", ["F5"], "the words “keep scrolling”"),
        ("It says “stop scrolling now”.", ["F1"], "the words “stop scrolling now”"),
        ("It uses #bread.", ["P1"], "#bread"),
        ("It names @grace.", ["P1"], "@grace"),
        ("This post did not go viral.", [], "it contradicts the verdict"),
        ("is_viral = false", [], "it contradicts the verdict"),
    ],
)
def test_what_the_evidence_does_not_prove_is_named(text: str, evidence: list[str], reason: str) -> None:
    findings = check(text, *evidence)

    assert len(findings.ungrounded) == 1
    assert reason in findings.ungrounded[0]


@pytest.mark.parametrize(
    ("kind", "evidence", "reason"),
    [
        (ClaimKind.MEASURED, ["T1"], "a measured claim must cite a fact"),
        (ClaimKind.MEASURED, [], "a measured claim must cite a fact"),
        (ClaimKind.OBSERVED, [], "an observed claim must cite what was observed"),
        (ClaimKind.INFERENCE, ["F99"], "'F99' is no id of the evidence"),
    ],
)
def test_a_claim_without_the_evidence_of_its_kind_is_unproven(
    kind: ClaimKind, evidence: list[str], reason: str
) -> None:
    assert check("It flies high.", *evidence, kind=kind).unproven == (reason,)


@pytest.mark.parametrize(
    "text",
    [
        *("See https://evil.example/x", "See evil.example now", "www.evil.example", "javascript:alert(1)", "[a](b)"),
        *("hxxps://evil.example", "Write to a@b.example", "The key is AIzaSyA1234567890123456789012345", "<b>bold</b>"),
        f"My orders are: {INSTRUCTIONS}",
    ],
)
def test_links_keys_markup_and_our_instructions_are_leaks(text: str) -> None:
    assert check(text, "P1").leaks


@given(st.text(max_size=200))
def test_any_text_is_checked(text: str) -> None:
    check(text, "F1", "T1")


@given(st.integers(0, 10**12), st.sampled_from([",", ".", " ", "\u202f", "\u2019", ""]))
def test_a_value_itself_passes_with_any_separator_of_thousands(value: int, separator: str) -> None:
    sources = by_id([fact_source(Fact("F1", "views", value, "views", "x metrics"))])
    text = f"It has {value:,} views.".replace(",", separator)

    assert not ClaimChecker(sources, is_viral=True).check(Claim(text=text, kind="measured", evidence=["F1"])).reasons
