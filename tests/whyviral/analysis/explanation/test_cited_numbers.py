import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyviral.analysis.explanation.cited_numbers import without_false_numbers
from whyviral.analysis.facts.fact_sheet import Fact

FACTS = {
    fact.id: fact
    for fact in (
        Fact("F1", "views", 48_100, "views", "x metrics"),
        Fact("F2", "likes", 300, "likes", "x metrics"),
        Fact("F3", "likes_per_view", 0.0452, "ratio", "computed"),
        Fact("F4", "age", 48.02, "hours", "computed"),
        Fact("F5", "posted_at", "2026-11-14T09:00:00+00:00", "UTC time", "x post"),
        Fact("F6", "loudness", -14.2, "LUFS", "measured"),
        Fact("F7", "duration", 12.0, "seconds", "measured"),
        Fact("F8", "is_short", value=True, unit="boolean", source="x post"),
        Fact("F9", "followers", 2_000_000, "accounts", "x author"),
        Fact("F10", "views_per_follower", 0.05, "ratio", "computed"),
        Fact("F11", "cut_count", 0, "cuts", "measured"),
    )
}


@pytest.mark.parametrize(
    "text",
    [
        *("48,100 views [F1]", "48.100 views [F1]", "48 100 views [F1]", "48\u202f100 views [F1]", "48\u2019100 [F1]"),
        *(
            "48.1K views [F1]",
            "48,1k [F1]",
            "48K views [F1]",
            "48,000 views [F1]",
            "2M [F9]",
            "2,0 Mio. followers [F9]",
        ),
        *("2 million followers [F9]", "2.000.000 followers [F9]", "about 50,000 views [F1]", "nearly 50K views [F1]"),
        *("over 10,000 views [F1]", "below the 50,000 threshold [F1]", "at least 300 likes [F2]"),
        *("4.5% of viewers liked it [F3]", "4,5 % [F3]", "0.045 likes per view [F3]", "4.5 likes per 100 views [F3]"),
        *("1 in 20 followers saw it [F10]", "5% [F10]", "48 hours old [F4]", "2 days old [F4]", "0.2 minutes [F7]"),
        *("-14.2 LUFS [F6]", "\u221214 LUFS [F6]", "12 s [F7]", "a 12-second video [F7]", "0 cuts [F11]"),
        *("300 likes and 48,100 views [F1]", "300 likes and 48,100 views [F1][F2]", "300 [F2], then 48,100 [F1]"),
        *("[F2] 300 likes", "likes [F2]: 300", "likes ([F2] = 300)", "3 ideas drew the 300 likes [F2]"),
    ],
)
def test_a_number_that_is_the_facts_value_keeps_its_citation(text: str) -> None:
    assert without_false_numbers(text, FACTS) == (text, 0)


@pytest.mark.parametrize(
    "text",
    [
        *("On 14 November [F5]", "0 [F8]", "the first 3 seconds [M1]", "5 words are said [T1]", "7 likes [F99]"),
        *("likes within 24 hours [F2]", "300 likes, 9 of them early [F2][T1]", "Top 3 tips. It spread [F1]"),
        *("3 things made people stop and watch it [F1]", "It spread [F1]. 3 people replied", "No number at all [F1]"),
    ],
)
def test_a_number_that_the_citation_does_not_vouch_for_is_left_alone(text: str) -> None:
    assert without_false_numbers(text, FACTS) == (text, 0)


@pytest.mark.parametrize(
    ("text", "checked"),
    [
        ("50,000 views [F1]", "50,000 views [inference]"),
        ("49,000 views [F1].", "49,000 views [inference]."),
        ("48.2K [F1]", "48.2K [inference]"),
        ("1.234.567 views [F1]", "1.234.567 views [inference]"),
        ("over 60,000 views [F1]", "over 60,000 views [inference]"),
        ("about 400 likes [F2]", "about 400 likes [inference]"),
        ("90% [F3]", "90% [inference]"),
        ("3 days old [F4]", "3 days old [inference]"),
        ("20 s [F7]", "20 s [inference]"),
        ("3M followers [F9]", "3M followers [inference]"),
        ("1 in 10 followers [F10]", "1 in 10 followers [inference]"),
        ("3 cuts [F11]", "3 cuts [inference]"),
        ("99 [F1][F2]", "99 [inference]"),
        ("likes [F2]: 301", "likes [inference]: 301"),
        ("[F2] 999,999 likes", "[inference] 999,999 likes"),
        ("999 likes [F2] and 48,100 views [F1]", "999 likes [inference] and 48,100 views [F1]"),
    ],
)
def test_a_number_that_is_not_the_facts_value_becomes_an_inference(text: str, checked: str) -> None:
    assert without_false_numbers(text, FACTS) == (checked, 1)


@given(st.lists(st.sampled_from([*"0123456789.,KM% ", "[F1]", "[F2]", "[inference]", "about ", " views ", ": "])))
def test_only_citations_are_replaced(pieces: list[str]) -> None:
    text = "".join(pieces)

    checked, _ = without_false_numbers(text, FACTS)

    assert without_citations(checked) == without_citations(text)


def without_citations(text: str) -> str:
    return re.sub(r"\[(?:F[0-9]+|inference)\]|\s", "", text)


@given(st.integers(0, 10**12), st.sampled_from([",", ".", " ", "\u202f", "\u2019", ""]))
def test_the_value_itself_is_accepted_with_any_separator_of_thousands(value: int, separator: str) -> None:
    facts = {"F1": Fact("F1", "views", value, "views", "x metrics")}
    text = f"It has {value:,} views [F1]".replace(",", separator)

    assert without_false_numbers(text, facts) == (text, 0)
