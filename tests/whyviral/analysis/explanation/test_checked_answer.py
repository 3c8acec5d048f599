"""Claims from the model's answer to the saved analysis: repaired, made inferences, dropped or replaced."""

from typing import Any

import pytest

from tests.fakes.analyst import VALID_ANSWER, model_error
from tests.fixtures.pipeline import Pipeline
from whyviral.analysis.models import PostAnalysis, PostState
from whyviral.core.errors import ErrorCategory

FALSE = {"text": "It has 999,999,999 likes.", "kind": "measured", "evidence": ["F1"]}
TRUE = {"text": "It has 90,000 likes.", "kind": "measured", "evidence": ["F1"]}
TAKEAWAYS = ["Be first [inference].", "Be short [inference].", "Be yourself [inference]."]


def explained(pipeline: Pipeline, *answers: Any) -> PostAnalysis:
    pipeline.model.answers += answers
    job, (post,) = pipeline.collected("20")
    pipeline.explain(job, post)
    (row,) = pipeline.read(job).posts
    assert row.state == PostState.ANALYSED
    (analysis,) = pipeline.read(job).post_analyses
    return analysis


def with_takeaway(claim: Any) -> dict[str, Any]:
    return dict(VALID_ANSWER) | {"quick_takeaways": [claim, *TAKEAWAYS]}


def repaired(number: int, claim: dict[str, Any]) -> dict[str, Any]:
    return {"claims": [{"number": number, **claim}]}


def test_an_answer_whose_claims_hold_is_asked_for_once(pipeline: Pipeline) -> None:
    data = explained(pipeline, with_takeaway(TRUE)).analysis_data

    assert len(pipeline.model.prompts) == 1
    assert data["quick_takeaways"] == ["It has 90,000 likes [F1].", *TAKEAWAYS]
    assert {"field": "quick_takeaways", **TRUE} in data["claims"]
    assert {"id": "F1", "kind": "fact", "label": "likes", "excerpt": "90000 likes"} in data["evidence"]
    assert (data["refused_claims"], data["computed_fields"]) == ([], [])


def test_a_false_claim_is_written_again_once_with_the_reason(pipeline: Pipeline) -> None:
    data = explained(pipeline, with_takeaway(FALSE), repaired(2, TRUE)).analysis_data

    first, second = pipeline.model.prompts
    assert second.user.startswith(first.user)
    assert (second.system, second.media) == (first.system, ())
    assert "the cited evidence does not give the number '999,999,999'" in second.user
    assert data["quick_takeaways"] == ["It has 90,000 likes [F1].", *TAKEAWAYS]
    assert data["refused_claims"] == [
        {
            "field": "quick_takeaways",
            **FALSE,
            "reasons": ["the cited evidence does not give the number '999,999,999'"],
            "outcome": "repaired",
        }
    ]


@pytest.mark.parametrize(
    "second",
    [
        repaired(2, FALSE),
        repaired(1, TRUE),
        {"claims": []},
        {"claims": "none"},
        {},
        model_error(),
        model_error(ErrorCategory.AI_ERROR, is_transient=False),
    ],
)
def test_a_claim_that_stays_false_is_dropped_and_the_paid_answer_kept(pipeline: Pipeline, second: Any) -> None:
    data = explained(pipeline, with_takeaway(FALSE), second).analysis_data

    assert len(pipeline.model.prompts) == 2
    assert data["quick_takeaways"] == TAKEAWAYS
    assert [refused["outcome"] for refused in data["refused_claims"]] == ["dropped"]
    assert data["computed_fields"] == []


def test_an_unproven_claim_without_numbers_becomes_an_inference(pipeline: Pipeline) -> None:
    claim = {"text": "It moves people.", "kind": "measured", "evidence": ["F99"]}

    data = explained(pipeline, with_takeaway(claim), {}).analysis_data

    assert data["quick_takeaways"][0] == "It moves people [inference]."
    assert [refused["outcome"] for refused in data["refused_claims"]] == ["made_inference"]


def test_the_text_of_a_claim_with_a_link_is_not_even_kept(pipeline: Pipeline) -> None:
    claim = {"text": "See https://evil.example/steal", "kind": "inference", "evidence": []}

    analysis = explained(pipeline, with_takeaway(claim), {})

    (refused,) = analysis.analysis_data["refused_claims"]
    assert (refused["text"], refused["outcome"]) == (None, "dropped")
    assert "evil" not in str(analysis.analysis_data)


def test_fields_that_lost_their_claims_are_filled_from_the_measurements(pipeline: Pipeline) -> None:
    false = dict(VALID_ANSWER) | {
        "viral_formula": FALSE,
        "suggestions_for_future_posts": [FALSE] * 4,
        "content_observation": dict.fromkeys(("hook", "tone", "format", "audience"), FALSE),
    }

    data = explained(pipeline, false, {}).analysis_data

    assert len(data["suggestions_for_future_posts"]) == 4
    assert "999" not in str({**data, "refused_claims": None})
    assert data["computed_fields"] == [
        *(f"content_observation.{part}" for part in ("hook", "tone", "format", "audience")),
        "viral_formula",
        "suggestions_for_future_posts",
    ]
    assert data["virality_reasoning"] == VALID_ANSWER["virality_reasoning"]
