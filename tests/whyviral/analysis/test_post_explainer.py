import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.analyst import USD_AN_ANSWER, VALID_ANSWER, model_error
from tests.fakes.post_scraper import scraped_post
from tests.fixtures.database import count_statements
from tests.fixtures.pipeline import Pipeline, check_books, check_history
from whyviral.analysis.explanation.prompt import PROMPT_VERSION
from whyviral.analysis.models import PostAnalysis, PostState, Stage
from whyviral.analysis.pipeline import Outcome, PostResult, RequestJob
from whyviral.analysis.post_explainer import ANALYSE_BUDGET, MODEL_TIMEOUT_S
from whyviral.analysis.schemas import AnalysisDataOut, MetadataUsed
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.call_recorder import ExternalCall

INVALID: list[dict[str, Any]] = [
    {},
    dict(VALID_ANSWER) | {"suggestions_for_future_posts": ["One", "Two", "Three"]},
    dict(VALID_ANSWER) | {"quick_takeaways": "Be first."},
]


def analysis_of(pipeline: Pipeline, job: RequestJob) -> PostAnalysis:
    (analysis,) = pipeline.read(job).post_analyses
    return analysis


def cause_of(pipeline: Pipeline, job: RequestJob) -> tuple[str, str | None, str | None]:
    (row,) = pipeline.read(job).posts
    return row.state, row.error_stage, row.error_category


def test_a_post_is_explained_and_the_answer_saved(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")

    assert pipeline.explain(job, post) == PostResult(request_post_id=post, outcome=Outcome.ANALYSED)

    request, analysis = pipeline.read(job), analysis_of(pipeline, job)
    (row,) = request.posts
    assert (row.state, analysis.post_id) == (PostState.ANALYSED, row.post_id)
    assert {field: getattr(analysis, field) for field in VALID_ANSWER} == VALID_ANSWER
    assert {field: analysis.analysis_data[field] for field in VALID_ANSWER} == VALID_ANSWER
    assert AnalysisDataOut.model_validate(analysis.analysis_data).model_dump(mode="json") == analysis.analysis_data
    assert analysis.metrics == {"likes": 90_000, "comments": 2_000, "views": 2_000_000, "shares": 20_000}
    assert check_history(request)[-3:] == [Stage.DISPLAYING_CONTENT, Stage.ANALYSING, Stage.ANALYSING]
    assert request.progress == 95


def test_what_an_analysis_rests_on_is_saved_with_it(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")

    pipeline.explain(job, post)

    used = analysis_of(pipeline, job).metadata_used
    assert MetadataUsed.model_validate(used).model_dump(mode="json") == used  # the API shows it as it is saved
    facts = {fact["name"]: fact for fact in used.pop("facts")}
    verdict = used.pop("verdict")
    assert {"watch_time", "saves", "creator_baseline"} <= {each["name"] for each in used.pop("not_observable")}
    assert re.fullmatch(r"[0-9a-f]{64}", used.pop("question_sha256"))
    assert used == {
        "provider": "gemini",
        "model": "gemini-3.8-flash",
        "prompt_version": PROMPT_VERSION,
        "input_tokens": 900,
        "output_tokens": 300,
        "cost_usd": float(USD_AN_ANSWER),
        "media_sent": [],
        "media_left_out": [],
        "transcripts": [],
        "transcript_spans": [],
        "gaps": [],
        "stand_ins": [],
    }
    assert facts["views"].pop("id").startswith("F")
    assert facts["views"] == {
        "name": "views",
        "value": 2_000_000,
        "unit": "views",
        "source": "x metrics",
        "is_quotation": False,
    }
    assert (verdict["rule"], verdict["is_viral"], verdict["n"]) == ("v0.1", True, 0)


@pytest.mark.parametrize(
    ("post_is_stand_in", "model_is_stand_in", "named"),
    [(True, False, ["post"]), (False, True, ["model"]), (True, True, ["post", "model"])],
)
def test_what_came_from_a_stand_in_is_labelled(
    pipeline: Pipeline, post_is_stand_in: bool, model_is_stand_in: bool, named: list[str]
) -> None:
    pipeline.model.is_stand_in = model_is_stand_in
    job = pipeline.admit("20")
    (post,) = pipeline.fetch(job, is_stand_in=post_is_stand_in).posts
    pipeline.collect(job, post)

    pipeline.explain(job, post)

    assert analysis_of(pipeline, job).metadata_used["stand_ins"] == named


@pytest.mark.parametrize(
    ("metrics", "is_viral"), [({"likes": 90_000, "views": 2_000_000, "shares": 40_000}, True), ({"likes": 3}, False)]
)
@pytest.mark.parametrize("claim", [True, False])
def test_the_rule_decides_what_is_viral_and_not_the_model(
    pipeline: Pipeline, metrics: dict[str, int], is_viral: bool, claim: bool
) -> None:
    pipeline.source.posts["20"] = scraped_post("20", metrics=metrics)
    pipeline.model.answers.append(dict(VALID_ANSWER) | {"is_viral": claim})
    job, (post,) = pipeline.collected("20")

    pipeline.explain(job, post)

    analysis = analysis_of(pipeline, job)
    assert (analysis.is_viral, analysis.metadata_used["verdict"]["is_viral"]) == (is_viral, is_viral)
    assert "is_viral" not in analysis.analysis_data
    assert f"is_viral = {str(is_viral).lower()}" in pipeline.model.prompts[0].user


@pytest.mark.parametrize("answer", INVALID)
def test_an_answer_without_the_right_shape_is_asked_for_once_more(pipeline: Pipeline, answer: dict[str, Any]) -> None:
    pipeline.model.answers.append(answer)
    job, (post,) = pipeline.collected("20")

    assert pipeline.explain(job, post).outcome == Outcome.ANALYSED

    used = analysis_of(pipeline, job).metadata_used
    assert (used["input_tokens"], used["output_tokens"], used["cost_usd"]) == (1800, 600, float(2 * USD_AN_ANSWER))
    assert len(pipeline.model.prompts) == 2


def test_what_an_analysis_cost_includes_calls_that_gave_no_answer(pipeline: Pipeline) -> None:
    pipeline.model.paid_in_vain.append(
        ExternalCall(
            provider="gemini",
            operation="POST /v1/models/{model}:generateContent",
            started_at=pipeline.clock(),
            duration_ms=345,
            status=200,
            error_category=ErrorCategory.AI_ERROR,
            cost_usd=USD_AN_ANSWER,
            input_tokens=900,
            output_tokens=300,
        )
    )
    job, (post,) = pipeline.collected("20")

    pipeline.explain(job, post)

    used = analysis_of(pipeline, job).metadata_used
    assert (used["input_tokens"], used["output_tokens"], used["cost_usd"]) == (1800, 600, float(2 * USD_AN_ANSWER))
    check_books(pipeline, job)


def test_after_a_second_answer_without_the_right_shape_the_post_is_explained_from_measurements(
    pipeline: Pipeline,
) -> None:
    pipeline.model.answers.extend(INVALID[:2])
    job, (post,) = pipeline.collected("20")

    assert pipeline.explain(job, post) == PostResult(request_post_id=post, outcome=Outcome.ANALYSED)

    assert cause_of(pipeline, job) == (PostState.ANALYSED, Stage.ANALYSING, ErrorCategory.AI_ERROR)
    assert len(pipeline.model.prompts) == 2
    used = analysis_of(pipeline, job).metadata_used
    assert (used["provider"], used["model"]) == ("measured", "computed from measurements, no model was asked")
    assert used["cost_usd"] == float(2 * USD_AN_ANSWER)  # both answers are paid for
    assert len([call for call in pipeline.calls(job) if call.provider == "gemini"]) == 2
    check_books(pipeline, job)


@pytest.mark.parametrize(("first_took_s", "second_may_take_s"), [(20, [45]), (55, [10]), (56, [])])
def test_all_tries_together_end_before_the_function_does(
    pipeline: Pipeline, first_took_s: float, second_may_take_s: list[float]
) -> None:
    pipeline.model.answers.append(INVALID[0])
    pipeline.model.during = lambda: pipeline.clock.advance(first_took_s)
    job, (post,) = pipeline.collected("20")

    result = pipeline.explain(job, post)

    assert pipeline.model.timeouts_s == [MODEL_TIMEOUT_S, *second_may_take_s]
    assert result.outcome == Outcome.ANALYSED
    is_measured = analysis_of(pipeline, job).metadata_used["provider"] == "measured"
    assert is_measured is (not second_may_take_s)
    check_books(pipeline, job)


def test_an_answer_of_unknown_price_is_saved_without_one(pipeline: Pipeline) -> None:
    pipeline.model.cost_usd = None
    job, (post,) = pipeline.collected("20")

    pipeline.explain(job, post)

    assert analysis_of(pipeline, job).metadata_used["cost_usd"] is None
    assert [call.cost_usd for call in pipeline.calls(job) if call.provider == "gemini"] == [None]
    check_books(pipeline, job)


@pytest.mark.parametrize(("retry_after_s", "wait_s"), [(None, 10), (0.2, 3), (17.0, 19)])
def test_a_model_that_asks_for_patience_is_waited_for(
    pipeline: Pipeline, retry_after_s: float | None, wait_s: int
) -> None:
    pipeline.model.answers.append(model_error(retry_after_s=retry_after_s))
    job, (post,) = pipeline.collected("20")

    assert pipeline.explain(job, post) == PostResult(request_post_id=post, outcome=Outcome.WAIT, wait_s=wait_s)
    assert cause_of(pipeline, job) == (PostState.COLLECTED, None, None)
    assert pipeline.explain(job, post).outcome == Outcome.ANALYSED
    check_books(pipeline, job)


def test_the_model_is_not_waited_for_beyond_the_budget(pipeline: Pipeline) -> None:
    pipeline.model.answers.extend(model_error(retry_after_s=10) for _ in range(50))
    job, (post,) = pipeline.collected("20")
    started_at = pipeline.clock()
    waited_s = 0

    while (result := pipeline.explain(job, post, started_at=started_at)).wait_s is not None:
        waited_s += result.wait_s
        pipeline.clock.advance(result.wait_s)

    assert waited_s == 60  # one more would end within 2 s of the budget's 70 s
    assert result.outcome == Outcome.ANALYSED
    assert cause_of(pipeline, job) == (PostState.ANALYSED, Stage.ANALYSING, ErrorCategory.RATE_LIMIT)
    (row,) = pipeline.read(job).posts
    assert row.error_details == {
        "error": "ProviderError",
        "provider": "gemini",
        "status": 429,
        "provider_request_id": "g-1",
    }


def test_a_post_whose_model_fails_for_good_is_explained_from_measurements_at_once(pipeline: Pipeline) -> None:
    pipeline.model.answers.append(model_error(ErrorCategory.AUTH, is_transient=False))
    job, (post,) = pipeline.collected("20")

    assert pipeline.explain(job, post).outcome == Outcome.ANALYSED

    assert cause_of(pipeline, job) == (PostState.ANALYSED, Stage.ANALYSING, ErrorCategory.AUTH)
    (row,) = pipeline.read(job).posts
    assert row.is_partial
    analysis = analysis_of(pipeline, job)
    assert "2 million views" in analysis.virality_reasoning
    assert len(analysis.suggestions_for_future_posts) == 4
    assert MetadataUsed.model_validate(analysis.metadata_used).question_sha256 is None
    check_books(pipeline, job)


def test_a_retry_of_a_post_explained_from_measurements_asks_the_model(pipeline: Pipeline) -> None:
    pipeline.model.answers.append(model_error(ErrorCategory.AUTH, is_transient=False))
    job, (post,) = pipeline.collected("20")
    pipeline.explain(job, post)

    pipeline.finish(job)
    retried = pipeline.try_again(job)
    pipeline.explain(retried, post)

    assert analysis_of(pipeline, retried).metadata_used["provider"] == "gemini"
    assert cause_of(pipeline, retried) == (PostState.ANALYSED, None, None)


def test_without_a_model_posts_are_explained_from_measurements_and_complete(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")

    assert pipeline.explain(job, post, without_model=True).outcome == Outcome.ANALYSED

    assert cause_of(pipeline, job) == (PostState.ANALYSED, None, None)
    (row,) = pipeline.read(job).posts
    assert not row.is_partial
    analysis = analysis_of(pipeline, job)
    assert (analysis.metadata_used["provider"], analysis.metadata_used["cost_usd"]) == ("measured", 0.0)
    assert [call for call in pipeline.calls(job) if call.provider == "gemini"] == []
    assert analysis.analysis_data["claims"]


def test_a_post_whose_turn_comes_after_the_budget_is_not_begun(pipeline: Pipeline) -> None:
    job, (first, second) = pipeline.collected("20", "21")
    started_at = pipeline.clock()

    pipeline.clock.advance(ANALYSE_BUDGET.total_seconds())
    in_time = pipeline.explain(job, first, started_at=started_at)
    pipeline.clock.advance(1)
    late = pipeline.explain(job, second, started_at=started_at)

    assert (in_time.outcome, late.outcome) == (Outcome.ANALYSED, Outcome.FAILED)
    row = pipeline.read(job).posts[1]
    assert (row.state, row.error_stage, row.error_category) == (
        PostState.FAILED,
        Stage.ANALYSING,
        ErrorCategory.TIMEOUT,
    )
    assert len(pipeline.model.prompts) == 1


def test_an_explained_post_is_not_explained_again(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")
    first = pipeline.explain(job, post)
    before = pipeline.everything(job)

    assert pipeline.explain(job, post) == first
    assert pipeline.everything(job) == before
    assert len(pipeline.model.prompts) == 1


def test_a_post_whose_model_failed_is_not_asked_about_again_in_the_same_attempt(pipeline: Pipeline) -> None:
    pipeline.model.answers.append(model_error(ErrorCategory.AUTH, is_transient=False))
    job, (post,) = pipeline.collected("20")
    first = pipeline.explain(job, post)
    before = pipeline.everything(job)

    assert pipeline.explain(job, post) == first
    assert pipeline.everything(job) == before
    assert len(pipeline.model.prompts) == 1


def test_an_old_attempt_asks_nothing(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert pipeline.explain(job, post) == PostResult(request_post_id=post, outcome=Outcome.SUPERSEDED)
    assert pipeline.everything(job) == before
    assert pipeline.model.prompts == []


@pytest.mark.parametrize("answers", [[], [model_error()], [model_error(is_transient=False)], INVALID[:2]])
def test_an_attempt_replaced_while_the_model_thinks_pays_and_says_nothing(
    pipeline: Pipeline, answers: list[Any]
) -> None:
    pipeline.model.answers.extend(answers)
    job, (post,) = pipeline.collected("20")
    history = len(pipeline.read(job).status_history)
    pipeline.model.during = lambda: supersede_once(pipeline, job)

    assert pipeline.explain(job, post).outcome == Outcome.SUPERSEDED

    request = pipeline.read(job)
    assert (request.post_analyses, cause_of(pipeline, job)) == ([], (PostState.COLLECTED, None, None))
    assert len(request.status_history) == history + 2  # what was said before the call
    assert {(call.attempt, call.post_id) for call in pipeline.calls(job) if call.provider == "gemini"} == {
        (1, request.posts[0].post_id)
    }
    check_books(pipeline, job)


def supersede_once(pipeline: Pipeline, job: RequestJob) -> None:
    pipeline.model.during = lambda: None
    pipeline.supersede(job)


def test_an_attempt_replaced_after_its_answer_changes_nothing_more(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")
    pipeline.explain(job, post)
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert pipeline.explain(job, post).outcome == Outcome.SUPERSEDED
    assert pipeline.everything(job) == before


def test_a_post_that_was_never_fetched_is_refused(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")
    (row,) = pipeline.read(job).posts

    for post in (row.id, uuid.uuid4()):
        with pytest.raises(LookupError):
            pipeline.explain(job, post)


def test_ten_posts_explained_at_once_leave_one_history_without_gaps(pipeline: Pipeline) -> None:
    job, posts = pipeline.collected(*map(str, range(101, 111)))

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda post: pipeline.explain(job, post), posts))

    request = pipeline.read(job)
    stages = check_history(request)
    assert {result.outcome for result in results} == {Outcome.ANALYSED}
    assert (stages.count(Stage.DISPLAYING_CONTENT), stages.count(Stage.ANALYSING)) == (1, 11)
    assert [step.progress for step in request.status_history][-10:] == list(range(59, 96, 4))
    assert len(request.post_analyses) == 10
    assert check_books(pipeline, job) == 10 * USD_AN_ANSWER + 10 * Decimal("0.00015")


def test_the_number_of_statements_of_a_post_does_not_grow_with_the_request(pipeline: Pipeline) -> None:
    counts = []
    for ids in (["1"], list(map(str, range(101, 121)))):
        job, posts = pipeline.collected(*ids)
        with count_statements() as statements:
            pipeline.explain(job, posts[0])
        counts.append(len(statements))

    assert counts[0] == counts[1]


def test_facts_are_measured_as_of_when_the_post_was_fetched(pipeline: Pipeline) -> None:
    pipeline.clock.now = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    job, (post,) = pipeline.collected("20")
    pipeline.clock.advance(3600)

    pipeline.explain(job, post)

    facts = {fact["name"]: fact["value"] for fact in analysis_of(pipeline, job).metadata_used["facts"]}
    assert facts["age"] == 24
