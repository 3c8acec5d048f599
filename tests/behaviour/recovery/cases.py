"""Runs requests with faults; records how they ended, what the API returned and which calls were paid."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.stack.accounts import business_token
from tests.behaviour.posts import Twin, api_data_of, publish
from tests.behaviour.recovery.troubled_system import Trouble, TroubledSystem
from tests.behaviour.system import wait_for_end
from tests.fixtures.waits import WAIT_S

type Calls = Mapping[str, Sequence[int | None]]
"""The statuses of the paid calls by name, in order; None for a call without an answer."""

MAX_RETRIES = 2
_PAID = {
    ("twitterapi", "/twitter/tweets"): "tweets",
    ("twitterapi", "/twitter/tweet/replies/v2"): "replies",
    ("brightdata", "/datasets/v3/trigger"): "trigger",
    ("gemini", "/v1/models/gemini-3.8-flash:generateContent"): "model",
    ("gemini", "/v1/models/gemini-3.5-flash-lite:generateContent"): "other model",
}
ONCE: Mapping[str, Calls] = {
    "x": {"tweets": (200,), "replies": (200,), "model": (200,)},
    "instagram": {"trigger": (200,), "model": (200,)},
    "youtube": {"model": (200,)},
}
"""The paid calls of a request without faults, by platform."""
COMPLETED = "COMPLETED"
PARTIAL = "COMPLETED without its media watched"


@dataclass(frozen=True, slots=True)
class Case:
    """A request with a fault, and its expected results."""

    name: str
    kind: str
    """Of post."""
    trouble: Trouble
    ends: Sequence[str] = (COMPLETED,)
    """The expected end of each attempt."""
    calls: Calls = field(default_factory=dict)
    """The paid calls that are not made exactly once."""
    lane: str = ""
    """Cases of one lane run sequentially, because a call to the vendor does not say which post it is for."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The result of a case."""

    platform: str
    ends: Sequence[str]
    calls: Calls
    api_data: Any
    took_s: float = 0.0


def run_all(troubled: TroubledSystem, cases: Sequence[Case], *, at_once: int) -> Mapping[str, Future[CaseResult]]:
    """Run cases concurrently, except within a lane; returns the results by name."""
    lanes: dict[str, list[Case]] = {}
    for case in cases:
        lanes.setdefault(case.lane or case.name, []).append(case)
    results: dict[str, Future[CaseResult]] = {case.name: Future() for case in cases}

    def run_lane(lane: Sequence[Case]) -> None:
        for case in lane:
            try:
                results[case.name].set_result(run_case(troubled, case))
            except (AssertionError, httpx.HTTPError) as exc:
                results[case.name].set_exception(exc)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run_lane, sorted(lanes.values(), key=len, reverse=True)))
    return results


def run_case(troubled: TroubledSystem, case: Case) -> CaseResult:
    """Analyse a post of the case's kind with the fault, and retry the request as its user can."""
    twin = publish(troubled.system, case.kind)
    case.trouble.order(troubled, twin.id)
    began_at = time.monotonic()
    with separate_user(troubled) as api:
        request = _analyse(api, twin)
        ends = [end_of(request)]
        while ends[-1] != COMPLETED and len(ends) <= MAX_RETRIES:
            request = retry(api, request)
            ends.append(end_of(request))
        data = api_data_of(api, twin, request)
    return CaseResult(twin.platform, tuple(ends), _paid_calls(troubled, twin), data, time.monotonic() - began_at)


def result_without_faults(troubled: TroubledSystem, kind: str) -> Any:
    """Return the API's data about a post of a kind without faults; a busy machine may need a second attempt."""
    twin = publish(troubled.system, kind)
    with separate_user(troubled) as api:
        request = _analyse(api, twin)
        if end_of(request) == PARTIAL:
            request = retry(api, request)
        assert end_of(request) == COMPLETED
        return api_data_of(api, twin, request)


@contextmanager
def separate_user(troubled: TroubledSystem) -> Iterator[httpx.Client]:
    """A separate user for a case, because the number of analyses per user and hour is limited."""
    ready = troubled.system.stack.ready
    token = business_token(ready.stand_ins, ready.api, ready.database_url, f"{time.monotonic_ns()}@whyviral.example")
    with httpx.Client(base_url=ready.api, headers={"Authorization": f"Bearer {token}"}, timeout=WAIT_S) as api:
        yield api


def _analyse(api: httpx.Client, twin: Twin) -> dict[str, Any]:
    accepted = api.post("/api/analysis/analyze/", json={"post_urls": [twin.url]})
    assert accepted.status_code == 202, accepted.text
    return wait_for_end(api, accepted.json()["requests"][0]["id"])


def retry(api: httpx.Client, request: Mapping[str, Any]) -> dict[str, Any]:
    """Retry an ended request and return it when it has ended again."""
    accepted = api.post(f"/api/analysis/requests/{request['id']}/retry/")
    assert accepted.status_code == 202, accepted.text
    return wait_for_end(api, request["id"])


def end_of(request: Mapping[str, Any]) -> str:
    """Return the end of a request in words; `COMPLETED` if nothing is missing."""
    if request["status"] == "FAILED":
        return f"FAILED {request['error_stage']} {request['error_category']}"
    return PARTIAL if request["status_history"][-1]["stage"] == "partial_success" else COMPLETED


def _paid_calls(troubled: TroubledSystem, twin: Twin) -> Calls:
    paid: dict[str, tuple[int | None, ...]] = {}
    for (vendor, path), name in _PAID.items():
        statuses = tuple(
            call["status"]
            for call in troubled.system.calls(vendor)
            if call["path"] == path and twin.id in call["about"]
        )
        if statuses:
            paid[name] = statuses
    return paid
