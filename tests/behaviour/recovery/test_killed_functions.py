"""Functions that are killed during their work: a sample of the cases of test_kill_anywhere.py."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import pytest

from tests.behaviour.recovery.cases import ONCE, CaseResult, result_without_faults, run_all
from tests.behaviour.recovery.matrix import CASES
from tests.behaviour.recovery.troubled_system import TroubledSystem

_SAMPLE = (
    "FetchPosts of X: killed before its answer",
    "FetchPosts of X: our exception while it saves",
    "AnalysePosts: killed as it arrived",
    "AnalysePosts: disconnect",
    "FinishRequest: killed after its commit",
)


@pytest.fixture(scope="module")
def untroubled(troubled: TroubledSystem) -> Any:
    troubled.cancel_faults()
    return result_without_faults(troubled, "x")


@pytest.fixture(scope="module")
def results(troubled: TroubledSystem, untroubled: Any) -> Mapping[str, Future[CaseResult]]:
    assert untroubled
    return run_all(troubled, [CASES[name] for name in _SAMPLE], at_once=len(_SAMPLE))


@pytest.mark.parametrize("name", _SAMPLE)
def test_a_request_whose_function_is_killed_ends_and_its_retry_completes(
    name: str, results: Mapping[str, Future[CaseResult]], untroubled: Any
) -> None:
    case, found = CASES[name], results[name].result()

    assert (found.ends, found.calls) == (case.ends, {**ONCE[found.platform], **case.calls})
    assert found.api_data == untroubled
