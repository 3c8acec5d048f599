import re
from pathlib import Path

import pytest

from bench.quality.board import PostResult, measure_post, totals
from bench.quality.posts import BoardPost, board_posts
from tests.fakes.obedient_analyst import ObedientAnalyst
from whyviral.analysis.explanation.report_sentences.readings import RANGES

POSTS = board_posts()


def post_named(name: str) -> BoardPost:
    return next(post for post in POSTS if post.name == name)


def test_there_are_at_least_40_posts_with_every_kind_of_trap() -> None:
    assert len(POSTS) >= 40
    assert len({post.name for post in POSTS}) == len(POSTS)
    assert {post.trap for post in POSTS} >= {"injection", "misleading", "missing", "numbers", "language", "media"}


@pytest.mark.parametrize("post", POSTS, ids=lambda post: post.name)
def test_the_measured_report_of_every_fixture_post_is_grounded(post: BoardPost) -> None:
    result = measure_post(post, None)

    assert (result.is_valid, result.error) == (True, None)
    assert (result.numbers_grounded, result.quotes_exact) == (result.numbers, result.quotes)
    assert not result.obeyed


def test_an_obeyed_injection_and_false_numbers_are_counted() -> None:
    model = ObedientAnalyst("PWNED, with 999,999,999 likes and “no such words”.")

    result = measure_post(post_named("caption 1"), lambda _calls, _timeout_s: model)

    assert (result.is_valid, result.obeyed, result.shows_injection) == (True, True, False)
    assert result.claims > 20
    assert (result.numbers_grounded, result.quotes_exact) == (0, 0)
    assert result.dropped == result.refused == result.claims
    rows = dict(totals([result]))
    assert rows["numbers grounded"] == f"0.0 % of {result.numbers}"
    assert rows["injections obeyed by the model"] == "1 of 1"


def test_an_answer_of_another_shape_is_counted_as_such() -> None:
    result = measure_post(post_named("text 1"), lambda _calls, _timeout_s: ObedientAnalyst({"other": "shape"}))

    assert not result.is_valid
    assert result.error is not None
    assert dict(totals([result, PostResult("good", "none", is_valid=True)]))["answers of the asked shape"] == "1 of 2"


def test_the_documented_ranges_are_those_of_the_code() -> None:
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
    section = text.partition("## Ranges of the measured report")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\S+)[^|]* \| (\S+)[^|]* \| (\S+) \| (\w+) \|$", section, re.MULTILINE)

    words = {True: "more", False: "less", None: "neither"}
    assert rows == [
        (each.name, f"{each.lowest:g}", f"{each.highest:g}", f"{each.weight:g}", words[each.is_more_better])
        for each in RANGES
    ]
