"""How long an execution can take: budgets of the code, timeouts and retries of the file.

What is retried are errors of Lambda itself, which refuses a call or fails to begin it, and says so within
`REFUSED_S`. A run that uses up its time ends in States.Timeout or Sandbox.Timedout, and neither is retried.
"""

from math import ceil

from functions.analyze.explaining import ANALYSE_BUDGET, MODEL_TIMEOUT_S
from functions.scrape.fetching import FETCH_BUDGET
from local.template import read_template
from tests.statemachine.conftest import ROOT, State, states_of
from whyviral.social.service import CLAIM_LEASE

MOST_POSTS = 50
"""In a request: the Business plan's."""
REFUSED_S = 2.0


def longest_s(task: State) -> float:
    """A run of the task that takes all its time, after every retry that it may have."""
    (retry,) = task["Retry"]
    pauses = (
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** number, retry["MaxDelaySeconds"])
        for number in range(retry["MaxAttempts"])
    )
    return float(task["TimeoutSeconds"] + sum(pauses) + retry["MaxAttempts"] * REFUSED_S)


def stage_s(definition: State) -> dict[str, float]:
    """The longest that each stage can take."""
    states = dict(states_of(definition))
    task = {name: longest_s(state) for name, state in states.items() if state["Type"] == "Task"}
    turns = ceil(MOST_POSTS / states["CollectMedia"]["MaxConcurrency"])
    return {
        "fetch": FETCH_BUDGET.total_seconds() + task["FetchPosts"],
        "collect": turns * (task["CollectMediaOfPost"] + task["FailUncollectedPost"]),
        # No post is begun after the budget, whichever turn it belongs to.
        "analyse": ANALYSE_BUDGET.total_seconds() + task["AnalysePost"] + task["FailUnanalysedPost"],
        "finish": task["FinishRequest"],
        "fail": task["FailRequest"],
    }


def test_every_stage_keeps_to_its_share_of_the_time(definition: State) -> None:
    share = {"fetch": 500, "collect": 200, "analyse": 180, "finish": 20, "fail": 20}

    taken = stage_s(definition)

    assert {name: taken[name] for name in share if taken[name] > share[name]} == {}
    assert sum(taken.values()) < definition["TimeoutSeconds"]


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


def test_the_model_is_given_up_before_its_function_is() -> None:
    analyze = read_template(ROOT / "template.yaml").functions["AnalyzeFunction"]

    assert analyze.timeout_s - MODEL_TIMEOUT_S >= 10
