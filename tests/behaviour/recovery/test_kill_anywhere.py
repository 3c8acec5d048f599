"""A process killed at any point: the request ends, its retry completes, and no call is paid twice without need."""

import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.behaviour.recovery.cases import ONCE, CaseResult, result_without_faults, run_all
from tests.behaviour.recovery.matrix import CASES
from tests.behaviour.recovery.troubled_system import TroubledSystem
from tests.fixtures.proof_scale import sample

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3600)]

_AT_ONCE = 8


def state_of(name: str) -> str:
    """Return the state of the pipeline in which a case has its fault."""
    return re.split("[:,]", name)[0]


@pytest.fixture(scope="module")
def chosen(request: pytest.FixtureRequest) -> list[str]:
    """The names of the cases to run."""
    names = [item.name for item in request.session.items if item.path == request.path]
    return [name for name in CASES if any(each.endswith(f"[{name}]") for each in names)]


@pytest.fixture(scope="module")
def untroubled(troubled: TroubledSystem, chosen: list[str]) -> Mapping[str, Any]:
    """The API's data about a post of each kind without faults."""
    troubled.cancel_faults()
    kinds = sorted({CASES[name].kind for name in chosen})
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(kinds, pool.map(lambda kind: result_without_faults(troubled, kind), kinds), strict=True))


@pytest.fixture(scope="module")
def results(
    troubled: TroubledSystem, chosen: list[str], untroubled: Mapping[str, Any]
) -> Mapping[str, Future[CaseResult]]:
    """The results of the cases, which run concurrently."""
    assert untroubled
    return run_all(troubled, [CASES[name] for name in chosen], at_once=_AT_ONCE)


@pytest.mark.parametrize("name", sample(list(CASES), state_of))
def test_a_request_with_a_fault_ends_and_its_retry_gives_the_undisturbed_result(
    name: str, results: Mapping[str, Future[CaseResult]], untroubled: Mapping[str, Any]
) -> None:
    case, found = CASES[name], results[name].result()

    assert (found.ends, found.calls) == (case.ends, {**ONCE[found.platform], **case.calls})
    assert found.api_data == untroubled[case.kind]


def test_every_ordered_fault_happened(troubled: TroubledSystem, results: Mapping[str, Future[CaseResult]]) -> None:
    assert results
    assert troubled.pending_faults() == []
