from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.post_scraper import scraped_post
from tests.fixtures.pipeline import REUSE_FOR, Pipeline
from whyviral.social.engagement import engagement_score

COUNTS = st.dictionaries(
    st.sampled_from(["likes", "comments", "views", "shares", "quotes", "bookmarks"]), st.integers(0, 2**63 - 1)
)


@pytest.mark.parametrize(
    ("metrics", "followers", "score"),
    [
        ({"likes": 50, "views": 1_000}, None, Decimal("50.000000")),
        ({"likes": 10, "comments": 5, "bookmarks": 5, "shares": 5, "quotes": 5, "views": 1_200}, 9, "50.000000"),
        ({"likes": 150, "views": 1_000}, 7, Decimal("75.000000")),
        ({"likes": 5}, 100, Decimal("50.000000")),
        ({"likes": 5, "views": 0}, 100, Decimal("50.000000")),
        ({"likes": 0, "views": 1_000}, None, Decimal(0)),
        ({"likes": 1}, 3_000_000, Decimal("0.000667")),
    ],
)
def test_the_engagement_score_is_weighted_engagement_per_view_or_else_per_follower(
    metrics: dict[str, int], followers: int | None, score: str | Decimal
) -> None:
    assert engagement_score(metrics, followers) == Decimal(score)


@pytest.mark.parametrize(
    ("metrics", "followers"),
    [({}, 100), ({"views": 100}, 100), ({"likes": 5}, None), ({"likes": 5}, 0), ({"likes": -1, "views": 9}, None)],
)
def test_an_engagement_score_without_inputs_is_unknown_and_not_zero(
    metrics: dict[str, int], followers: int | None
) -> None:
    assert engagement_score(metrics, followers) is None


@given(COUNTS, st.none() | st.integers(0, 2**63 - 1))
def test_every_engagement_score_is_between_0_and_100_and_fits_its_column(
    metrics: dict[str, int], followers: int | None
) -> None:
    score = engagement_score(metrics, followers)

    assert score is None or (0 <= score <= 100 and score.as_tuple().exponent == -6)


@given(COUNTS, st.integers(1, 10**9), st.sampled_from(["likes", "comments", "shares", "quotes", "bookmarks"]))
def test_more_engagement_never_lowers_the_engagement_score(metrics: dict[str, int], followers: int, more: str) -> None:
    before = engagement_score(metrics, followers)

    after = engagement_score(metrics | {more: metrics.get(more, 0) + 1_000}, followers)

    assert after is not None
    assert before is None or after >= before


def test_a_fetched_post_has_an_engagement_score_until_its_counts_are_hidden(pipeline: Pipeline) -> None:
    pipeline.source.posts["20"] = scraped_post("20", metrics={"likes": 150, "views": 1_000})
    pipeline.fetched("20")
    first = pipeline.posts()["20"].engagement_score
    pipeline.source.posts["20"] = scraped_post("20", metrics={"views": 1_000})
    pipeline.clock.advance(REUSE_FOR.total_seconds() + 1)

    pipeline.fetched("20")

    assert (first, pipeline.posts()["20"].engagement_score) == (Decimal("75.000000"), None)
