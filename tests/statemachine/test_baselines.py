"""Runs the state machine with the comparison of creators' posts."""

import pytest

from local.aws.template import read_template
from tests.statemachine.conftest import ROOT, Answer, Died, Machine, without_long_pauses

COMPARISON = ["StartBaselines", "FetchBaselines", "CheckBaselines"]


@pytest.fixture(scope="module")
def comparing() -> str:
    return without_long_pauses(read_template(ROOT / "template.yaml").local_definition())


def states_from(states: list[str], first: str) -> list[str]:
    return states[states.index(first) :]


def test_the_creators_are_compared_before_the_posts_are_analysed(machine: Machine, comparing: str) -> None:
    execution = machine.run(definition=comparing)

    assert states_from(execution.states, "CheckCollectedPosts")[:6] == [
        "CheckCollectedPosts",
        *COMPARISON,
        "CheckForMedia",
        "AnalysePosts",
    ]
    assert execution.functions == ["Scrape", "Media", "Baselines", "Analyze", "Finish"]
    assert execution.script.events("BaselinesFunction")[0].keys() == {
        "request_id",
        "attempt",
        "trace_id",
        "started_at",
        "step",
    }


def test_a_list_that_is_not_ready_is_asked_for_again_with_the_same_start(machine: Machine, comparing: str) -> None:
    waits: list[Answer] = [{"outcome": "wait", "wait_s": 1}] * 2

    execution = machine.run({"Baselines": waits}, definition=comparing, videos=["post-1"])

    asked = execution.script.events("BaselinesFunction")
    assert (len(asked), len({event["started_at"] for event in asked})) == (3, 1)
    assert execution.functions[-3:] == ["Worker", "Analyze", "Finish"]


def test_a_comparison_that_fails_costs_only_the_comparison(machine: Machine, comparing: str) -> None:
    execution = machine.run({"Baselines": [Died("Sandbox.Timedout")]}, definition=comparing, videos=["post-1"])

    assert execution.status == "SUCCEEDED"
    assert execution.functions == ["Scrape", "Media", "Baselines", "Worker", "Analyze", "Finish"]


def test_an_attempt_that_is_superseded_while_it_compares_ends(machine: Machine, comparing: str) -> None:
    execution = machine.run({"Baselines": [{"outcome": "superseded"}]}, definition=comparing)

    assert execution.states[-1] == "Superseded"
    assert execution.functions == ["Scrape", "Media", "Baselines"]
