"""Plays a request in which something goes wrong, and says how it ended, what it told and what was paid for."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.stack.accounts import business_token
from tests.behaviour.posts import Twin, publish, told_of
from tests.behaviour.recovery.troubles import Trouble, TroubledSystem
from tests.behaviour.system import wait_for_end
from tests.fixtures.waits import WAIT_S

type Calls = Mapping[str, Sequence[int | None]]
"""The statuses of the paid calls by their names, in order; None: it was never answered."""

MOST_RETRIES = 2
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
"""What is paid for when nothing goes wrong, by platform."""
COMPLETED = "COMPLETED"
PARTIAL = "COMPLETED without its media watched"


@dataclass(frozen=True, slots=True)
class Case:
    """A request in which something goes wrong."""

    name: str
    kind: str
    """Of post."""
    trouble: Trouble
    ends: Sequence[str] = (COMPLETED,)
    """How each attempt ends."""
    calls: Calls = field(default_factory=dict)
    """Of the paid calls those that are not made exactly once."""
    lane: str = ""
    """Cases of one lane run one after the other: the vendor does not know for which of their posts it is called."""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a case."""

    platform: str
    ends: Sequence[str]
    calls: Calls
    told: Any
    took_s: float = 0.0


def play_all(troubled: TroubledSystem, cases: Sequence[Case], *, at_once: int) -> Mapping[str, Future[Played]]:
    """Play cases side by side, as far as their lanes let them; by name."""
    lanes: dict[str, list[Case]] = {}
    for case in cases:
        lanes.setdefault(case.lane or case.name, []).append(case)
    played: dict[str, Future[Played]] = {case.name: Future() for case in cases}

    def play_lane(lane: Sequence[Case]) -> None:
        for case in lane:
            try:
                played[case.name].set_result(play(troubled, case))
            except (AssertionError, httpx.HTTPError) as exc:
                played[case.name].set_exception(exc)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(play_lane, sorted(lanes.values(), key=len, reverse=True)))
    return played


def play(troubled: TroubledSystem, case: Case) -> Played:
    """Analyse a post of the case's kind while things go wrong, and try again as its user may."""
    twin = publish(troubled.system, case.kind)
    case.trouble.order(troubled, twin.id)
    began_at = time.monotonic()
    with somebody(troubled) as api:
        request = _analyse(api, twin)
        ends = [end_of(request)]
        while ends[-1] != COMPLETED and len(ends) <= MOST_RETRIES:
            request = retry(api, request)
            ends.append(end_of(request))
        told = told_of(api, twin, request)
    return Played(twin.platform, tuple(ends), _paid_calls(troubled, twin), told, time.monotonic() - began_at)


def undisturbed(troubled: TroubledSystem, kind: str) -> Any:
    """Return what is told of a post of a kind when nothing goes wrong; a busy machine may need a second try."""
    twin = publish(troubled.system, kind)
    with somebody(troubled) as api:
        request = _analyse(api, twin)
        if end_of(request) == PARTIAL:
            request = retry(api, request)
        assert end_of(request) == COMPLETED
        return told_of(api, twin, request)


@contextmanager
def somebody(troubled: TroubledSystem) -> Iterator[httpx.Client]:
    """A user of the case's own: nobody may ask for many analyses in an hour."""
    ready = troubled.system.stack.ready
    token = business_token(ready.stand_ins, ready.api, ready.database_url, f"{time.monotonic_ns()}@whyviral.example")
    with httpx.Client(base_url=ready.api, headers={"Authorization": f"Bearer {token}"}, timeout=WAIT_S) as api:
        yield api


def _analyse(api: httpx.Client, twin: Twin) -> dict[str, Any]:
    accepted = api.post("/api/analysis/analyze/", json={"post_urls": [twin.url]})
    assert accepted.status_code == 202, accepted.text
    return wait_for_end(api, accepted.json()["requests"][0]["id"])


def retry(api: httpx.Client, request: Mapping[str, Any]) -> dict[str, Any]:
    """Try an ended request again, and return it when it has ended again."""
    accepted = api.post(f"/api/analysis/requests/{request['id']}/retry/")
    assert accepted.status_code == 202, accepted.text
    return wait_for_end(api, request["id"])


def end_of(request: Mapping[str, Any]) -> str:
    """Return how a request has ended: `COMPLETED` where nothing is missing."""
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
