"""How long an execution can take: budgets of the code, timeouts and retries of the file.

What is retried are errors of AWS itself, which refuses a call or fails to begin it, and says so within
`REFUSED_S`. A run that uses up its time ends in States.Timeout or Sandbox.Timedout, and neither is retried; nor is a
worker that was started, whatever became of it.
"""

from collections.abc import Mapping
from math import ceil

import pytest

from local.aws.template import load_document, read_template
from tests.statemachine.conftest import ROOT, State, states_of
from whyviral.analysis.post_explainer import ANALYSE_BUDGET, MODEL_TIMEOUT_S
from whyviral.analysis.post_fetcher import FETCH_BUDGET
from whyviral.integrations.brightdata.scraper_api import MOST_CALLS_A_READ, TIMEOUT_S
from whyviral.integrations.instagram.scraper import RUN_S
from whyviral.social.service import CLAIM_LEASE
from whyviral.vendor_calls.circuit_breaker import MAX_SLOT_WAIT

MOST_POSTS = 50
"""In a request: the Business plan's."""
REFUSED_S = 2.0
TO_SAVE_S = 20


LONGEST_S = 1700
"""Of the 1800 s after which an execution is ended."""
WORKERS = load_document(ROOT / "template.yaml")["Mappings"]["Worker"]


def longest_s(task: State, worker: Mapping[str, str]) -> float:
    """A run of the task that takes all its time, after every retry that it may have."""
    (retry,) = task["Retry"]
    timeout_s = task["TimeoutSeconds"]
    if timeout_s == "{% $number('${TranscribeTimeout}') %}":
        timeout_s = float(worker["Timeout"])
    pauses = (
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** number, retry["MaxDelaySeconds"])
        for number in range(retry["MaxAttempts"])
    )
    return float(timeout_s + sum(pauses) + retry["MaxAttempts"] * REFUSED_S)


def stage_s(definition: State, worker: Mapping[str, str]) -> dict[str, float]:
    """The longest that each stage can take."""
    states = dict(states_of(definition))
    task = {name: longest_s(state, worker) for name, state in states.items() if state["Type"] == "Task"}
    turns = ceil(MOST_POSTS / states["CollectMedia"]["MaxConcurrency"])
    return {
        "fetch": FETCH_BUDGET.total_seconds() + task["FetchPosts"],
        "collect": turns * (task["CollectMediaOfPost"] + task["FailUncollectedPost"]),
        "process": max(task["ProcessMedia"], task["ProcessMediaWarm"]) + task["NoteUnwatchedMedia"],
        # No post is begun after the budget, whichever turn it belongs to.
        "analyse": ANALYSE_BUDGET.total_seconds() + task["AnalysePost"] + task["FailUnanalysedPost"],
        "finish": task["FinishRequest"],
        "fail": task["FailRequest"],
    }


@pytest.mark.parametrize(("compute", "process_s"), [("fargate-cpu", 700), ("managed-gpu", 800)])
def test_every_stage_keeps_to_its_share_of_the_time(definition: State, compute: str, process_s: int) -> None:
    share = {"fetch": 500, "collect": 200, "process": process_s, "analyse": 180, "finish": 20, "fail": 20}

    taken = stage_s(definition, WORKERS[compute])

    assert {name: taken[name] for name in share if taken[name] > share[name]} == {}
    assert sum(taken.values()) < LONGEST_S < definition["TimeoutSeconds"]


@pytest.mark.parametrize("compute", WORKERS)
def test_a_worker_that_starts_as_late_as_it_may_still_has_its_time_and_some_to_save(compute: str) -> None:
    worker = {name: float(value) for name, value in WORKERS[compute].items() if name != "Device"}

    assert worker["Heartbeat"] + worker["Deadline"] + TO_SAVE_S <= worker["Timeout"]


def test_all_posts_are_begun_in_time_when_the_model_takes_as_long_as_it_may(definition: State) -> None:
    turns = ceil(MOST_POSTS / definition["States"]["AnalysePosts"]["MaxConcurrency"])

    assert (turns - 1) * (MODEL_TIMEOUT_S + REFUSED_S) <= ANALYSE_BUDGET.total_seconds()


def test_a_map_asks_for_no_more_than_an_inline_map_does_at_once(definition: State) -> None:
    for name in ("CollectMedia", "AnalysePosts"):
        assert 0 < definition["States"][name]["MaxConcurrency"] <= 40  # Source: AWS, "Using Map state in Inline mode"


def test_a_claim_outlives_the_run_that_made_it() -> None:
    scrape = read_template(ROOT / "template.yaml").functions["ScrapeFunction"]

    assert CLAIM_LEASE.total_seconds() > scrape.timeout_s
    assert FETCH_BUDGET > CLAIM_LEASE


def test_a_job_of_instagram_that_is_asked_about_last_leaves_time_to_save_what_it_told() -> None:
    scrape = read_template(ROOT / "template.yaml").functions["ScrapeFunction"]

    a_call_s = TIMEOUT_S + MAX_SLOT_WAIT.total_seconds()
    assert scrape.timeout_s - (RUN_S + MOST_CALLS_A_READ * a_call_s) >= 10


def test_the_model_is_given_up_before_its_function_is() -> None:
    analyze = read_template(ROOT / "template.yaml").functions["AnalyzeFunction"]

    assert analyze.timeout_s - MODEL_TIMEOUT_S >= 10
