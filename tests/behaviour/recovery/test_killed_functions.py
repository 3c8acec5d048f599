"""Functions that are killed during their work: a sample of the cases of test_kill_anywhere.py."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import pytest

from tests.behaviour.recovery.cases import ONCE, Played, play_all, undisturbed
from tests.behaviour.recovery.matrix import CASES
from tests.behaviour.recovery.troubles import TroubledSystem

_SAMPLE = (
    "FetchPosts of X: killed before its answer",
    "FetchPosts of X: our exception while it saves",
    "AnalysePosts: killed as it arrived",
    "AnalysePosts: disconnect",
    "FinishRequest: killed after its commit",
)


@pytest.fixture(scope="module")
def untroubled(troubled: TroubledSystem) -> Any:
    troubled.calm()
    return undisturbed(troubled, "x")


@pytest.fixture(scope="module")
def played(troubled: TroubledSystem, untroubled: Any) -> Mapping[str, Future[Played]]:
    assert untroubled
    return play_all(troubled, [CASES[name] for name in _SAMPLE], at_once=len(_SAMPLE))


@pytest.mark.parametrize("name", _SAMPLE)
def test_a_request_whose_function_is_killed_ends_and_its_retry_completes(
    name: str, played: Mapping[str, Future[Played]], untroubled: Any
) -> None:
    case, found = CASES[name], played[name].result()

    assert (found.ends, found.calls) == (case.ends, {**ONCE[found.platform], **case.calls})
    assert found.told == untroubled
