import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.fakes.creator_lister import USD_A_LIST
from tests.fakes.post_scraper import scrape_error, scraped_post
from tests.fixtures.pipeline import Pipeline, check_books, check_days
from tests.fixtures.waits import WAIT_S, wait_until
from whyviral.analysis.creators.baseline_fetcher import BaselineMode
from whyviral.analysis.models import AnalysisRequestPost
from whyviral.analysis.pipeline import Outcome
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, ListingPending
from whyviral.integrations.ports.post_scraper import ScrapeJob
from whyviral.social.creator_baselines.models import CreatorBaselineRow

LATE = "the list of the creator's posts was not ready in time; it serves the next analysis"


def rows(pipeline: Pipeline) -> list[CreatorBaselineRow]:
    with session_scope(pipeline.engine) as session:
        return session.query(CreatorBaselineRow).all()


def only_post(pipeline: Pipeline, job: object) -> AnalysisRequestPost:
    (post,) = pipeline.read(job).posts  # type: ignore[arg-type]
    return post


def test_a_post_is_judged_against_the_creators_other_posts(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")

    compared = pipeline.compare(job)
    pipeline.explain(job, post)

    assert compared.outcome == Outcome.FETCHED
    (analysis,) = pipeline.read(job).post_analyses
    verdict = analysis.metadata_used["verdict"]
    assert (verdict["rule"], verdict["n"], verdict["is_viral"], verdict["confidence"]) == ("v1", 30, True, "high")
    facts = {fact["name"]: fact["value"] for fact in analysis.metadata_used["facts"]}
    assert (facts["outlier_ratio"], facts["baseline_place"], facts["baseline_median"]) == (200.0, 1, 10_000)


def test_a_list_is_stored_with_what_it_describes(pipeline: Pipeline) -> None:
    job, _ = pipeline.collected("20")

    pipeline.compare(job)

    (row,) = rows(pipeline)
    assert (row.platform, row.creator, row.kind, row.n, row.metric) == ("x", "@jack", "post", 30, "views")
    assert (row.median, row.lower_quartile, len(row.posts)) == (Decimal(10_000), Decimal(10_000), 30)
    assert (row.claimed_by, row.scrape_job, row.error, row.fetched_at) == (None, None, None, pipeline.clock())


def test_a_list_is_reused_within_a_day_and_read_again_after_it(pipeline: Pipeline) -> None:
    for hours, lists in ((0, 1), (23, 1), (2, 2)):
        pipeline.clock.advance(hours * 3600)
        job, _ = pipeline.collected("20", "21")
        pipeline.compare(job)
        assert len(pipeline.lister.asked) == lists


def test_twenty_requests_for_one_creator_read_its_list_once(pipeline: Pipeline) -> None:
    jobs = [pipeline.collected(str(number))[0] for number in range(20)]
    cost_usd = check_days(pipeline)
    others_answered = threading.Event()
    pipeline.lister.while_listing = lambda: others_answered.wait(WAIT_S)

    with ThreadPoolExecutor(20) as pool:
        running = [pool.submit(pipeline.compare, job) for job in jobs]
        wait_until(lambda: sum(future.done() for future in running) == 19)
        others_answered.set()
        outcomes = [future.result(WAIT_S).outcome for future in running]

    assert sorted(outcomes) == [Outcome.FETCHED] + [Outcome.WAIT] * 19
    assert [pipeline.compare(job).outcome for job in jobs] == [Outcome.FETCHED] * 20
    assert len(pipeline.lister.asked) == 1
    assert {only_post(pipeline, job).creator_baseline_id for job in jobs} == {rows(pipeline)[0].id}
    assert check_days(pipeline) == cost_usd + USD_A_LIST


@pytest.mark.parametrize(
    "category", [ErrorCategory.RATE_LIMIT, ErrorCategory.PROVIDER_ERROR, ErrorCategory.AUTH, ErrorCategory.TIMEOUT]
)
def test_a_list_that_fails_leaves_the_analysis_complete_with_a_reason(
    pipeline: Pipeline, category: ErrorCategory
) -> None:
    job, (post,) = pipeline.collected("20")
    pipeline.lister.answers.append(scrape_error(category))

    assert pipeline.compare(job).outcome == Outcome.FETCHED
    pipeline.explain(job, post)

    assert pipeline.finish(job).outcome == Outcome.COMPLETED
    (analysis,) = pipeline.read(job).post_analyses
    verdict = analysis.metadata_used["verdict"]
    assert (verdict["rule"], verdict["n"]) == ("v0.1", 0)
    assert verdict["reasons"][-1] == f"No baseline: the creator's posts could not be listed ({category})."
    assert only_post(pipeline, job).baseline_reason == f"the creator's posts could not be listed ({category})"
    check_books(pipeline, job)


def test_a_failure_for_the_moment_is_tried_again_by_the_next_request(pipeline: Pipeline) -> None:
    pipeline.lister.answers.append(scrape_error())
    for _ in range(2):
        job, _ = pipeline.collected("20")
        pipeline.compare(job)

    assert len(pipeline.lister.asked) == 2
    assert only_post(pipeline, job).creator_baseline_id is not None


def test_a_creator_who_cannot_be_listed_is_not_asked_for_again_within_a_day(pipeline: Pipeline) -> None:
    pipeline.lister.answers.append(scrape_error(ErrorCategory.PRIVATE, is_transient=False))
    for _ in range(2):
        job, (post,) = pipeline.collected("20")
        pipeline.compare(job)
        pipeline.explain(job, post)

    assert len(pipeline.lister.asked) == 1
    (analysis,) = pipeline.read(job).post_analyses
    assert analysis.metadata_used["verdict"]["rule"] == "v0.1"


def test_an_older_list_is_better_than_none(pipeline: Pipeline) -> None:
    job, _ = pipeline.collected("20")
    pipeline.compare(job)
    pipeline.clock.advance(25 * 3600)
    job, (post,) = pipeline.collected("20")
    pipeline.lister.answers.append(scrape_error())

    pipeline.compare(job)
    pipeline.explain(job, post)

    (analysis,) = pipeline.read(job).post_analyses
    verdict = analysis.metadata_used["verdict"]
    assert (verdict["rule"], verdict["confidence"]) == ("v1", "medium")
    assert "The list of the creator's other posts is older than it should be." in verdict["reasons"]


def test_a_job_that_is_not_ready_in_time_serves_the_next_request(pipeline: Pipeline) -> None:
    vendor_job = ScrapeJob("sd_1", "profile")
    job, _ = pipeline.collected("20")
    pipeline.lister.answers.extend([ListingPending(vendor_job, 8.0)] * 3)

    result, waits = pipeline.compare_until_done(job)

    assert (result.outcome, sum(waits) <= 20) == (Outcome.FETCHED, True)
    assert only_post(pipeline, job).baseline_reason == LATE
    later, _ = pipeline.collected("21")
    pipeline.lister.answers.clear()
    pipeline.compare(later)
    assert [asked for *_, asked in pipeline.lister.asked] == [None, *[vendor_job] * (len(pipeline.lister.asked) - 1)]
    assert only_post(pipeline, later).creator_baseline_id is not None


def test_a_job_of_a_stand_in_is_not_polled_at_the_real_service(pipeline: Pipeline) -> None:
    job, _ = pipeline.collected("20")
    pipeline.lister.answers.append(ListingPending(ScrapeJob("sd_1", "profile"), 8.0))
    pipeline.compare(job, is_stand_in=True)

    pipeline.compare(job)

    assert [asked for *_, asked in pipeline.lister.asked] == [None, None]


@pytest.mark.parametrize("mode", [BaselineMode.CHEAP, BaselineMode.CHEAP_WITHOUT_DATA_API])
@pytest.mark.parametrize("most_usd", [Decimal("0.0101"), None], ids=["too expensive", "of unknown price"])
def test_a_list_that_could_cost_more_than_a_cent_is_not_read(
    pipeline: Pipeline, mode: BaselineMode, most_usd: Decimal | None
) -> None:
    job, _ = pipeline.collected("20")
    pipeline.lister.most_usd = most_usd
    before = pipeline.read(job).cost_usd

    pipeline.compare(job, mode=mode)

    assert pipeline.lister.asked == []
    assert pipeline.read(job).cost_usd == before == check_books(pipeline, job)
    assert only_post(pipeline, job).baseline_reason == "the creator's posts could not be listed (rate_limit)"


def test_a_list_may_cost_more_in_full_mode(pipeline: Pipeline) -> None:
    job, _ = pipeline.collected("20")
    pipeline.lister.most_usd = pipeline.lister.usd = Decimal("0.0465")

    pipeline.compare(job, mode=BaselineMode.FULL)

    assert only_post(pipeline, job).creator_baseline_id is not None
    check_books(pipeline, job)


def test_no_list_is_read_if_lists_are_switched_off(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")

    assert pipeline.compare(job, mode=BaselineMode.OFF).outcome == Outcome.FETCHED
    pipeline.explain(job, post)

    assert pipeline.lister.asked == []
    (analysis,) = pipeline.read(job).post_analyses
    assert analysis.metadata_used["verdict"]["reasons"][-1] == (
        "No baseline: not compared with other posts of this creator."
    )


def test_a_superseded_attempt_saves_the_list_it_paid_for_and_changes_nothing_else(pipeline: Pipeline) -> None:
    job, _ = pipeline.collected("20")
    pipeline.lister.while_listing = lambda: pipeline.supersede(job)

    pipeline.compare(job)

    (row,) = rows(pipeline)
    assert (row.n, row.claimed_until) == (30, None)
    assert only_post(pipeline, job).creator_baseline_id is None
    assert pipeline.compare(job).outcome == Outcome.SUPERSEDED


def test_a_reply_is_compared_with_nothing(pipeline: Pipeline) -> None:
    pipeline.source.posts["20"] = scraped_post("20", details={"replied_to": {"username": "ada", "post_id": "1"}})
    job, _ = pipeline.collected("20")

    pipeline.compare(job)

    assert pipeline.lister.asked == []
    assert "not compared" in (only_post(pipeline, job).baseline_reason or "")


def test_a_list_that_is_older_than_thirty_days_is_not_compared_with(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")
    pipeline.compare(job)
    pipeline.clock.advance(timedelta(days=31).total_seconds())

    pipeline.explain(job, post)

    (analysis,) = pipeline.read(job).post_analyses
    assert analysis.metadata_used["verdict"]["rule"] == "v0.1"


def test_facts_and_verdict_are_readable_before_the_model_is_asked_and_after_it_fails(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")
    pipeline.compare(job)
    seen: list[object] = []
    pipeline.model.answers.append(scrape_error(ErrorCategory.AUTH, provider="gemini", is_transient=False))
    pipeline.model.during = lambda: seen.append(only_post(pipeline, job).measured)

    pipeline.explain(job, post)

    pipeline.finish(job)
    (measured,) = seen
    row = only_post(pipeline, job)
    assert row.measured is not None
    assert row.measured == measured
    assert (row.state, row.measured["verdict"]["rule"], row.measured["verdict"]["n"]) == ("ANALYSED", "v1", 30)
    counts = [sampled["count"] for sampled in row.measured["baseline_posts"]]
    facts = {fact["name"]: fact["value"] for fact in row.measured["facts"]}
    assert (len(counts), counts, counts[-1]) == (facts["baseline_n"], sorted(counts), facts["baseline_best"])
    assert all(sampled["url"].startswith("https://x.com/i/status/") for sampled in row.measured["baseline_posts"])
    (analysis,) = pipeline.read(job).post_analyses
    assert (row.is_partial, analysis.metadata_used["provider"]) == (True, "measured")


def test_a_list_of_an_account_without_posts_is_kept(pipeline: Pipeline) -> None:
    pipeline.lister.answers.append(CreatorListing(Creator(handle="jack"), ()))
    for _ in range(2):
        job, (post,) = pipeline.collected("20")
        pipeline.compare(job)
        pipeline.explain(job, post)

    assert len(pipeline.lister.asked) == 1
    (analysis,) = pipeline.read(job).post_analyses
    assert analysis.metadata_used["verdict"]["reasons"][-1].startswith("No baseline: only 0 comparable posts")
