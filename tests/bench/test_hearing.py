"""Replays a part of the hearing corpus: what a checkout holds, and Debian's voices where `make hearing` has run."""

import os

import pytest

from bench.hearing.__main__ import WAYS, Result, corpus, hear, shuffled, table
from bench.hearing.voices import DEBIAN
from bench.hearing.words import errors, plain

SCALE = float(os.environ.get("PROOF_SCALE", "1"))
_STEP = max(round(10 / SCALE), 1)
_WORST_SHARE = 0.1
_NOTICEABLE = 3


@pytest.mark.proof
def test_a_tenth_of_the_corpus_loses_no_sentence_without_saying_so() -> None:
    results = [hear(clip, passes=["batched"]) for clip in shuffled(corpus(has_debian=DEBIAN.is_dir()))[::_STEP]]

    print(table(results))  # noqa: T201 - the figures of the proof
    lost = [one for one in results if _lost(one) >= _NOTICEABLE and not one["ways"][WAYS[-1]]["is_flagged"]]
    people = [one for one in results if one["voice"] == "LibriVox"]
    wrong, said = (sum(one["ways"][WAYS[-1]][key] for one in people) for key in ("wrong", "words"))
    assert lost == []
    assert wrong / said <= _WORST_SHARE


def _lost(result: Result) -> int:
    return int(result["ways"][WAYS[-1]]["lost"])


def test_words_are_compared_without_marks_and_in_one_spelling() -> None:
    assert plain("Mister Ill-disposed, l'été!") == plain("mr. ill disposed l été")


@pytest.mark.parametrize(
    ("said", "heard", "expected"),
    [
        ("one two three", "One, two, three.", (3, 0, 0)),
        ("one two three", "one three", (3, 1, 1)),
        ("one two three", "one too three four", (3, 2, 0)),
        ("one two three", "", (3, 3, 3)),
    ],
)
def test_words_that_are_wrong_and_words_that_are_missing_are_counted(
    said: str, heard: str, expected: tuple[int, int, int]
) -> None:
    assert errors(said, heard) == expected
