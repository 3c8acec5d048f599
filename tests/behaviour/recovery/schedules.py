"""Random faults for requests of three platforms, and the invariants that must hold afterwards."""

import random
import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psutil
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, selectinload

from local.aws.sandbox import Moment
from tests.behaviour.posts import publish
from tests.behaviour.recovery.cases import COMPLETED, MAX_RETRIES, end_of, retry, separate_user
from tests.behaviour.recovery.troubled_system import Break, Death, Fault, Trouble, TroubledSystem
from tests.behaviour.system import wait_for_end
from whyviral.analysis.models import PostAnalysisRequest, PostState
from whyviral.core.database import session_scope
from whyviral.usage.models import UsageReservation, UserUsage
from whyviral.vendor_calls.models import ExternalApiCallLog

_KINDS: Mapping[str, Sequence[str]] = {
    "x": ("x", "x", "x", "x-picture", "x-picture", "x-video"),
    "instagram": ("instagram",),
    "youtube": ("youtube",),
}
_CALLS: Mapping[str, Sequence[tuple[str, str, bool]]] = {
    "x": (("twitterapi", "/twitter/", True), ("media", "/pbs.twimg.com/", False)),
    "instagram": (
        ("brightdata", "/datasets/v3/trigger", True),
        ("brightdata", "/datasets/v3/", False),
        ("media", "/scontent.cdninstagram.com/", False),
    ),
    "youtube": (("youtube", "/www/", True), ("media", "/i.ytimg.com/", False)),
}
"""By platform: vendor, path, and whether the call contains the post's id."""
_CALLS_OF_ALL = (("gemini", "/v1/models/", True), ("supabase", "/storage/v1/object/whyviral-media/{}/", False))
_MODES: Sequence[tuple[str, Mapping[str, object]]] = (
    ("status", {"status": 429}),
    ("status", {"status": 500}),
    ("status", {"status": 503}),
    ("disconnect", {}),
    ("garbage", {}),
    ("slow", {"delay_s": 2}),
    ("kill", {"moment": "on_arrival"}),
    ("kill", {"moment": "before_answer"}),
)
_FUNCTIONS = ("ScrapeFunction", "MediaFunction", "AnalyzeFunction", "FinishFunction", "FailFunction")
_BREAKS = (
    Break("analysis_status_history", "new.stage = 'fetching_posts'"),
    Break("analysis_status_history", "new.stage = 'analysis_complete'"),
    Break("posts", "new.fetched_at is not null"),
    Break("post_media", "new.storage_path is not null"),
    Break("post_analyses", "true"),
)
_PAID = {
    "twitterapi": ("GET /twitter/tweets", "GET /twitter/tweet/replies/v2"),
    "brightdata": ("POST /datasets/v3/trigger",),
    "gemini": ("POST /v1/models/{model}:generateContent",),
}
"""The paid operations, by vendor."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The faults for one user's posts."""

    kinds: Sequence[str]
    """Of the posts, in the order of the URLs."""
    troubles: Sequence[tuple[int, Trouble]]
    """Each fault with the number of its post."""


def draw(seed: str) -> Schedule:
    """Choose random posts and faults for a call."""
    chance = random.Random(seed)
    kinds = [chance.choice(_KINDS[platform]) for platform in _KINDS for _ in range(chance.choice((1, 1, 2)))]
    chosen = sorted(chance.choices(range(len(kinds)), k=chance.randint(1, 4)))
    return Schedule(kinds, [(number, _trouble(chance, kinds[number].partition("-")[0])) for number in chosen])


def _trouble(chance: random.Random, platform: str) -> Trouble:
    match chance.choices(("fault", "death", "break"), weights=(6, 3, 1)):
        case ["fault"]:
            vendor, path, says_which = chance.choice((*_CALLS[platform], *_CALLS_OF_ALL))
            mode, more = chance.choice(_MODES)
            times = chance.choice((1, 1, 1, 2, 3))
            return Fault(vendor, path.format(platform), mode, more, says_which, times)
        case ["death"]:
            return Death(chance.choice(_FUNCTIONS), chance.choice(tuple(Moment)), times=chance.choice((1, 1, 2)))
        case _:
            return chance.choice(_BREAKS)


def play(troubled: TroubledSystem, schedule: Schedule) -> Sequence[str]:
    """Analyse the posts in one call, retry the requests that are not complete, and return the ids of the requests."""
    twins = [publish(troubled.system, kind) for kind in schedule.kinds]
    for number, trouble in schedule.troubles:
        trouble.order(troubled, twins[number].id)
    with separate_user(troubled) as api:
        accepted = api.post("/api/analysis/analyze/", json={"post_urls": [twin.url for twin in twins]})
        assert accepted.status_code == 202, accepted.text
        ids = [request["id"] for request in accepted.json()["requests"]]
        for request_id in ids:
            request = wait_for_end(api, request_id)
            for _ in range(MAX_RETRIES):
                if end_of(request) == COMPLETED:
                    break
                request = retry(api, request)
        return ids


@contextmanager
def reaper(troubled: TroubledSystem, seed: str, *, every_s: float) -> Iterator[None]:
    """Kill a random worker of the functions at intervals while the block runs."""
    chance, over = random.Random(seed), threading.Event()

    def reap() -> None:
        while not over.wait(chance.uniform(0.5, 1.5) * every_s):
            pids = [pid for name in _FUNCTIONS for pid in troubled.system.stack.lambdas.pids(name)]
            if pids:
                psutil.Process(chance.choice(sorted(pids))).kill()

    thread = threading.Thread(target=reap, name="reaper")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def check_ends(engine: Engine, request_ids: Sequence[str]) -> None:
    """Assert that every request and URL has ended, and that exactly the delivered analyses count as usage."""
    with session_scope(engine) as session:
        requests = session.scalars(
            select(PostAnalysisRequest)
            .where(PostAnalysisRequest.id.in_(map(uuid.UUID, request_ids)))
            .options(selectinload(PostAnalysisRequest.posts), selectinload(PostAnalysisRequest.post_analyses))
        ).all()
        reserved = session.execute(select(UsageReservation.request_id, UsageReservation.url, UsageReservation.state))
        states = {(request_id, url): state for request_id, url, state in reserved}
        used: Counter[uuid.UUID] = Counter()
        for row in _usage(session, requests):
            used[row.user_id] += row.url_lookups
    delivered: Counter[uuid.UUID] = Counter()
    for request in requests:
        states_by_url = {post.url: post.state for post in request.posts}
        assert request.status in ("COMPLETED", "FAILED"), request.id
        assert set(states_by_url.values()) <= {PostState.ANALYSED, PostState.FAILED}, request.id
        analysed = [url for url, state in states_by_url.items() if state == PostState.ANALYSED]
        assert len(request.post_analyses) == len(analysed) == request.posts_processed, request.id
        assert {url: states[request.id, url] for url in states_by_url} == {
            url: "charged" if url in analysed else "returned" for url in states_by_url
        }, request.id
        delivered[request.user_id] += len(analysed)
    assert +used == +delivered


def _usage(session: Session, requests: Sequence[PostAnalysisRequest]) -> Sequence[UserUsage]:
    users = {request.user_id for request in requests}
    return session.scalars(select(UserUsage).where(UserUsage.user_id.in_(users))).all()


def check_books(troubled: TroubledSystem, request_ids: Sequence[str]) -> None:
    """Assert that the requests' costs are the sums of their calls, and that the vendors received no other calls."""
    ids = [uuid.UUID(request_id) for request_id in request_ids]
    with session_scope(troubled.owner) as session:
        requests = session.scalars(select(PostAnalysisRequest).where(PostAnalysisRequest.id.in_(ids))).all()
        of_request = ExternalApiCallLog.analysis_request_id
        logged = session.scalars(select(ExternalApiCallLog).where(of_request.in_(ids))).all()
    for request in requests:
        own = [call for call in logged if call.analysis_request_id == request.id]
        cost_usd = sum((call.cost_usd for call in own if call.cost_usd is not None), Decimal(0))
        assert (request.total_api_calls, request.cost_usd) == (len(own), cost_usd), request.id
    for vendor, operations in _PAID.items():
        made = Counter(_operation(call) for call in troubled.system.calls(vendor))
        recorded = Counter(call.operation for call in logged if call.provider == vendor)
        # A process that was killed after recording a call may or may not have sent it.
        unknown = Counter(call.operation for call in logged if call.provider == vendor and call.duration_ms is None)
        counts = {each: (recorded[each] - unknown[each], made[each], recorded[each]) for each in operations}
        assert {each: count for each, count in counts.items() if list(count) != sorted(count)} == {}


def _operation(call: Mapping[str, Any]) -> str:
    path = re.sub(r"/models/[^:]+:", "/models/{model}:", call["path"])
    return f"{call['method']} {path}"
