"""Answers are checked while they are streamed; what is shown does not depend on how the model's pieces are cut."""

import random
from collections.abc import Sequence

import pytest

from whyviral.analysis.explanation.claims.source import by_id, fact_source, medium_source, span_source
from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.chat.checks.answer_filter import AnswerFilter
from whyviral.chat.context.conversation import rules
from whyviral.chat.context.subject_data import SubjectData
from whyviral.core.redaction import hide

POST_URL = "https://x.com/i/status/20"
LIKES = Fact("F1", "likes", 300_000, "likes", "x metrics")
SPAN = span_source("T2", video=1, start_s=0, end_s=2, text="Look at this.")
PICTURE = medium_source("M3", label="picture 1", at_s=None)
DATA = SubjectData("", by_id([fact_source(LIKES), SPAN, PICTURE]), is_viral=True)


def build() -> AnswerFilter:
    return AnswerFilter(DATA, post_url=POST_URL, instructions=rules())


def filtered(*pieces: str) -> str:
    check = build()
    return "".join(check.feed(piece) for piece in pieces) + check.close()


def cuts_of(text: str, chance: random.Random) -> Sequence[str]:
    places = sorted(chance.sample(range(1, len(text)), min(len(text) - 1, chance.randint(1, 12))))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Seen by many [F1].", "Seen by many [F1]."),
        ("Seen by many [F9].", "Seen by many [inference]."),
        ("Said early [T2], shown [M3], and [T9].", "Said early [T2], shown [M3], and [inference]."),
        ("It has 300,000 likes [F1].", "It has 300,000 likes [F1]."),
        ("It has 999,000 likes [F1].", "It has 999,000 likes [inference]."),
        ("Both (F1, F7).", "Both [F1][inference]."),
        ("First.\r\nSecond.", "First.\nSecond."),
        ("Bell\x07 and \u202eturn", "Bell and turn"),
        ("A < b and a > b, f(x) = {1}", "A < b and a > b, f(x) = {1}"),
        ("見て[F1]ください。", "見て[F1]ください。"),
    ],
)
def test_citations_and_characters_are_checked(said: str, shown: str) -> None:
    assert filtered(said) == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"See {POST_URL}.", f"See {POST_URL}."),
        ("See https://twitter.com/jack/status/20?s=20.", f"See {POST_URL}."),
        (f"See [the post]({POST_URL}).", f"See the post ({POST_URL})."),
        ("See https://x.com/i/status/21.", "See [link removed]."),
        ("See https://evil.example/?q=1.", "See [link removed]."),
        ("See [this](https://evil.example/x 'title') now", "See this [link removed] now"),
        ("![](http://evil.example/pixel.png)", "[link removed]"),
        (
            "See www.evil.example or evil.com or evil.example/x.",
            "See [link removed] or [link removed] or [link removed].",
        ),
        ("Go to //evil.example/x", "Go to [link removed]"),
        ("javascript:alert(1)", "[link removed])"),
        ('<a href="https://evil.example">x</a>', "x"),
        ("http://127.0.0.1/x and 10.0.0.1:80", "[link removed] and [link removed]"),
        ("https://x.com.evil.example/i/status/20", "[link removed]"),
        (f"{POST_URL}@evil.example/", "[link removed]"),
        ("Rated 4.5/5 by 3.2 million, e.g. in U.S. markets.", "Rated 4.5/5 by 3.2 million, e.g. in U.S. markets."),
        ("and/or; yes/no; 16:9; at 0:03", "and/or; yes/no; 16:9; at 0:03"),
    ],
)
def test_only_links_to_the_post_are_left(said: str, shown: str) -> None:
    assert filtered(said) == shown


def test_keys_are_hidden() -> None:
    hide("not-a-shape-of-any-vendor")

    assert filtered("The key is AIzaSyA0123456789abcdefghijk. ") == "The key is [hidden]. "
    assert "not-a-shape" not in filtered("It is not-a-shape-of-any-vendor here. ")


def test_our_instructions_are_removed_and_the_rest_is_kept() -> None:
    shown = filtered("Sure. ", rules(), "\nDone.")

    assert shown.startswith("Sure. ")
    assert shown.endswith("Done.")
    words = rules().split()
    quoted = [" ".join(words[start : start + 10]) for start in range(len(words) - 9)]
    assert not any(run in " ".join(shown.split()) for run in quoted)
    assert len(shown) < 100


def test_a_few_words_of_our_instructions_are_no_quotation() -> None:
    said = "You help a creator understand the post better. Everything inside the two sentences is clear."

    assert filtered(said) == said


def test_what_is_removed_is_counted() -> None:
    check = build()
    check.feed("[F9] https://evil.example 5 likes [F1] AIzaSyA0123456789abcdefghijk ")
    check.close()

    assert check.counts() == {
        "unknown_citations": 1,
        "unproven_statements": 1,
        "links_removed": 1,
        "secrets_removed": 1,
        "instructions_removed": 0,
    }


def test_a_word_is_shown_as_soon_as_it_is_whole() -> None:
    check = build()

    assert [check.feed(piece) for piece in ("It wa", "s seen", " by ", "all [F", "1] peo", "ple")] == [
        "It ",
        "was ",
        "seen by ",
        "all ",
        "[F1] ",
        "",
    ]
    assert check.close() == "people"


@pytest.mark.parametrize("seed", range(40))
def test_the_cuts_of_the_pieces_change_nothing(seed: int) -> None:
    chance = random.Random(seed)
    parts = [
        "It has 300,000 likes [F1]. ",
        "It has 12 likes [F1]. ",
        "Wrong [F99], right (T2). ",
        f"Post {POST_URL} and http://evil.example/a?b=c#d. ",
        "[click](https://evil.example/path) here. ",
        "![x](//evil.example/p.png)\n",
        "見て[F1]ください。",
        "- a list (of things) [M3]\n",
        "Write no links and no addresses of web sites, except the address of the post itself. ",
        "The mail is someone@evil.example. ",
    ]
    text = "".join(chance.choices(parts, k=6))

    assert filtered(*cuts_of(text, chance)) == filtered(text)
