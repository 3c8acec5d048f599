"""Proves how long an execution can take, from the code's budgets and the definition's timeouts and retries.

The definition retries errors with which AWS refuses a call or fails to start it. AWS reports them within `REFUSED_S`.
A run that uses up its time ends in States.Timeout or Sandbox.Timedout, and neither is retried. A worker that was
started is never started again.

How many posts a Map works on at once is a parameter of the stack, so the number of posts gives no bound. Instead each
Map starts no post after a fixed age of the execution, and time that earlier stages did not need is left to it.
"""

import re
from collections.abc import Mapping
from math import ceil
from typing import Any

import pytest

from functions.transcribe.deadline import TO_SAVE_S
from local.aws.template import load_document, read_template
from tests.statemachine.conftest import ROOT, State, states_of
from whyviral.analysis.creators.baseline_fetcher import CHEAP, FULL
from whyviral.analysis.post_explainer import ANALYSE_BUDGET, MODEL_TIMEOUT_S
from whyviral.analysis.post_fetcher import FETCH_BUDGET
from whyviral.integrations.brightdata.scraper_api import MOST_CALLS_A_READ, TIMEOUT_S
from whyviral.integrations.instagram.scraper import RUN_S
from whyviral.social.service import CLAIM_LEASE
from whyviral.vendor_calls.circuit_breaker import MAX_SLOT_WAIT

MOST_POSTS = 50
"""Posts in one request of the Business plan."""
REFUSED_S = 2.0
LONGEST_S = 1700
"""Of the 1800 s after which Step Functions ends an execution."""
DOCUMENT = load_document(ROOT / "template.yaml")
WORKERS: Mapping[str, Mapping[str, str]] = DOCUMENT["Mappings"]["Worker"]
MAP_CONCURRENCY: Mapping[str, Any] = DOCUMENT["Parameters"]["MapConcurrency"]


def longest_s(task: State, worker: Mapping[str, str]) -> float:
    """Return how long a task takes that uses all its time after every retry; each retrier counts its own."""
    timeout_s = task["TimeoutSeconds"]
    if timeout_s == "{% $number('${TranscribeTimeout}') %}":
        timeout_s = float(worker["Timeout"])
    pauses_s = [
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** number, retrier.get("MaxDelaySeconds", 86_400))
        for retrier in task["Retry"]
        for number in range(retrier["MaxAttempts"])
    ]
    return float(timeout_s + sum(pauses_s) + len(pauses_s) * REFUSED_S)


def last_start_s(states: Mapping[str, State], gate: str) -> float:
    """Return the age of an execution after which a Map starts no post."""
    conditions = " ".join(choice["Condition"] for choice in states[gate]["Choices"])
    limit = re.search(r"- \$toMillis\(\$states\.context\.Execution\.StartTime\) > (\d+) %}", conditions)
    assert limit is not None
    return int(limit[1]) / 1000


def latest_ends_s(definition: State, worker: Mapping[str, str]) -> dict[str, float]:
    """Return the highest age of an execution at which each stage can end."""
    states = dict(states_of(definition))
    task = {name: longest_s(state, worker) for name, state in states.items() if state["Type"] == "Task"}
    ends = {"fetch": FETCH_BUDGET.total_seconds() + task["FetchPosts"]}
    collected_at_s = max(ends["fetch"], last_start_s(states, "CheckTimeToCollect"))
    ends["collect"] = collected_at_s + task["CollectMediaOfPost"] + task["FailUncollectedPost"]
    # A comparison is not started after its gate, so that it never ends later than the media of the last post.
    compared_at_s = last_start_s(states, "CheckCollectedPosts") + FULL.budget.total_seconds()
    ends["compare"] = compared_at_s + task["FetchBaselines"]
    worker_s = max(task[name] for name in ("ProcessMedia", "ProcessMediaWarm", "ProcessShortMedia"))
    ends["process"] = ends["collect"] + worker_s + task["NoteUnwatchedMedia"]
    # The model is called for a started post until the post's budget ends, and then once more for a full run.
    analysed_at_s = max(ends["process"], last_start_s(states, "CheckTimeToAnalyse")) + ANALYSE_BUDGET.total_seconds()
    ends["analyse"] = analysed_at_s + task["AnalysePost"] + task["FailUnanalysedPost"]
    ends["finish"] = ends["analyse"] + task["FinishRequest"]
    ends["fail"] = ends["finish"] + task["FailRequest"]
    return ends


@pytest.mark.parametrize("compute", WORKERS)
def test_the_longest_path_ends_in_time(definition: State, compute: str) -> None:
    ends = latest_ends_s(definition, WORKERS[compute])

    assert ends["fail"] < LONGEST_S < definition["TimeoutSeconds"]


@pytest.mark.parametrize("compute", WORKERS)
def test_a_comparison_never_makes_the_longest_path_longer(definition: State, compute: str) -> None:
    ends = latest_ends_s(definition, WORKERS[compute])

    assert ends["compare"] < ends["collect"]


@pytest.mark.parametrize("compute", WORKERS)
def test_a_comparison_is_skipped_only_if_the_posts_took_longer_than_usual(definition: State, compute: str) -> None:
    gate_s = last_start_s(dict(states_of(definition)), "CheckCollectedPosts")

    assert gate_s > FETCH_BUDGET.total_seconds()
    assert CHEAP.budget.total_seconds() == 20
    assert FULL.budget.total_seconds() == 90


@pytest.mark.parametrize("compute", WORKERS)
def test_every_stage_ends_by_the_time_in_the_documentation(definition: State, compute: str) -> None:
    ends = latest_ends_s(definition, WORKERS[compute])

    text = (ROOT / "docs" / "pipeline.md").read_text(encoding="utf-8")
    named = re.search(
        r"fetch (\d+) s collect (\d+) s process (\d+) s analyse (\d+) s finish or fail", text.replace(",", "")
    )
    assert named is not None
    assert [ceil(ends[stage]) for stage in ("fetch", "collect", "process", "analyse")] == [
        int(s) for s in named.groups()
    ]


@pytest.mark.parametrize("compute", WORKERS)
def test_a_map_that_starts_as_late_as_possible_still_has_time_for_its_first_posts(
    definition: State, compute: str
) -> None:
    states = dict(states_of(definition))
    ends = latest_ends_s(definition, WORKERS[compute])

    assert last_start_s(states, "CheckTimeToCollect") - ends["fetch"] >= 40
    assert last_start_s(states, "CheckTimeToAnalyse") > ends["process"]


def test_a_map_without_time_for_a_post_takes_no_time(definition: State) -> None:
    states = dict(states_of(definition))

    for gate, left_out in (("CheckTimeToCollect", "PostNotCollected"), ("CheckTimeToAnalyse", "PostNotAnalysed")):
        (choice,) = states[gate]["Choices"]
        assert (choice["Next"], states[left_out]["Type"]) == (left_out, "Pass")


def test_fifty_posts_are_all_analysed_if_only_the_model_uses_all_of_its_time(
    definition: State,
) -> None:
    turns = ceil(MOST_POSTS / MAP_CONCURRENCY["Default"])

    left_s = last_start_s(dict(states_of(definition)), "CheckTimeToAnalyse") - FETCH_BUDGET.total_seconds()
    assert (turns - 1) * (MODEL_TIMEOUT_S + REFUSED_S) <= left_s


@pytest.mark.parametrize("compute", WORKERS)
def test_a_worker_that_starts_as_late_as_possible_still_has_time_to_work_and_save(compute: str) -> None:
    worker = {name: float(value) for name, value in WORKERS[compute].items() if name != "Device"}

    assert worker["Heartbeat"] + worker["Deadline"] + TO_SAVE_S <= worker["Timeout"]


def test_a_map_handles_no_more_posts_at_once_than_an_inline_map_can() -> None:
    # Source: AWS Step Functions, "Using Map state in Inline mode": up to 40 at once.
    assert (MAP_CONCURRENCY["MinValue"], MAP_CONCURRENCY["Default"], MAP_CONCURRENCY["MaxValue"]) == (1, 5, 40)


def test_a_lease_outlasts_the_run_that_acquired_it() -> None:
    scrape = read_template(ROOT / "template.yaml").functions["ScrapeFunction"]

    assert CLAIM_LEASE.total_seconds() > scrape.timeout_s
    assert FETCH_BUDGET > CLAIM_LEASE


def test_the_last_poll_of_an_instagram_job_leaves_time_to_save_its_result() -> None:
    scrape = read_template(ROOT / "template.yaml").functions["ScrapeFunction"]

    a_call_s = TIMEOUT_S + MAX_SLOT_WAIT.total_seconds()
    assert scrape.timeout_s - (RUN_S + MOST_CALLS_A_READ * a_call_s) >= 10


def test_the_model_times_out_before_its_function() -> None:
    analyze = read_template(ROOT / "template.yaml").functions["AnalyzeFunction"]

    assert analyze.timeout_s - MODEL_TIMEOUT_S >= 10
