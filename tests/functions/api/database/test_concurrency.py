"""Concurrent requests over sockets, served by uvicorn."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from time import sleep
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from functions.api.settings import ApiSettings
from tests.factories import create_usage
from tests.fakes.clock import FakeClock
from tests.fixtures.proof_scale import scaled, seeds
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from tests.functions.api.conftest import SignedIn, replace_services
from whyviral.accounts.models import Subscription, User
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.analytics.models import ApiAccessLog
from whyviral.usage.models import UsageReservation, UserUsage

ANALYZE = "/api/analysis/analyze/"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
LIST = "/api/analysis/requests/"
AT_ONCE = 50

type Logged = Callable[[], list[dict[str, Any]]]


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="error", access_log=False, lifespan="off"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    return settings.model_copy(update={"db_pool_size": 8})


@pytest.fixture
def http(app: FastAPI) -> Iterator[httpx.Client]:
    # No keep-alive: reusing a connection that is just being closed would look like a failure of the server.
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=0)
    with serving(app) as base_url, httpx.Client(base_url=base_url, timeout=WAIT_S, limits=limits) as http:
        yield http


def get_at_once(http: httpx.Client, path: str, headers: dict[str, str]) -> Counter[int]:
    """Return the number of answers by status."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return Counter(threads.map(lambda _: http.get(path, headers=headers).status_code, range(AT_ONCE)))


def test_fifty_concurrent_first_requests_create_one_user_with_one_subscription(
    http: httpx.Client, stand_ins: StandInsClient, rows: Session
) -> None:
    new = stand_ins.token("everywhere@example.com")

    statuses = get_at_once(http, LIST, {"Authorization": f"Bearer {new['token']}"})

    assert statuses == {200: AT_ONCE}
    users = select(User.id).where(User.clerk_user_id == new["user_id"])
    assert len(rows.scalars(users).all()) == 1
    subscriptions = select(func.count()).select_from(Subscription).where(Subscription.user_id.in_(users))
    assert rows.scalar(subscriptions) == 1


@pytest.mark.parametrize("path", [LIST, "/health/ready/"])
def test_more_requests_than_threads_and_connections_are_all_answered(
    http: httpx.Client, free_user: SignedIn, path: str
) -> None:
    assert get_at_once(http, path, free_user.headers) == {200: AT_ONCE}


def test_every_concurrent_request_is_one_row_of_the_access_log(
    app: FastAPI, free_user: SignedIn, rows: Session
) -> None:
    with (
        serving(app) as base_url,
        httpx.Client(base_url=base_url, timeout=WAIT_S) as http,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        replies = list(threads.map(lambda _: http.get(LIST, headers=free_user.headers), range(AT_ONCE)))

    # The server has ended, so nothing is left to write.
    ids = [reply.headers["X-Request-Id"] for reply in replies]
    recorded = rows.scalars(select(ApiAccessLog.request_id).where(ApiAccessLog.request_id.in_(ids))).all()
    assert sorted(recorded) == sorted(ids)


def test_a_large_body_is_refused_with_an_answer_and_not_a_broken_connection(
    http: httpx.Client, free_user: SignedIn
) -> None:
    body = b'{"post_urls": ["' + b"a" * 5_000_000 + b'"]}'

    replies = [
        http.post(ANALYZE, content=body, headers={"Content-Type": "application/json"} | headers)
        for headers in (free_user.headers, {})
    ]

    assert [reply.json()["code"] for reply in replies] == ["body_too_large", "not_authenticated"]


@pytest.fixture
def clock(app: FastAPI) -> FakeClock:
    clock = FakeClock(NOON)
    replace_services(app, clock=clock)
    return clock


def analyze_at_once(
    http: httpx.Client, user: SignedIn, calls: list[list[str]], keys: list[str] | None = None
) -> list[httpx.Response]:
    """Send all calls concurrently, with one key each if keys are given."""

    def call(number: int) -> httpx.Response:
        headers = user.headers | ({"Idempotency-Key": keys[number]} if keys else {})
        return http.post(ANALYZE, json={"post_urls": calls[number]}, headers=headers)

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, range(len(calls))))


def count_admitted(rows: Session, user: SignedIn) -> tuple[int, int, int]:
    """Return the number of admitted URLs according to requests, reservations and usage."""
    rows.rollback()
    admitted = rows.scalars(
        select(func.cardinality(PostAnalysisRequest.post_urls)).where(PostAnalysisRequest.user_id == user.user.id)
    ).all()
    held = select(func.count()).select_from(UsageReservation).where(UsageReservation.user_id == user.user.id)
    used = rows.scalars(select(UserUsage.url_lookups).where(UserUsage.user_id == user.user.id)).all()
    return sum(admitted), rows.scalar(held) or 0, sum(used)


def use_all_but(rows: Session, user: SignedIn, left: int) -> None:
    """Leave this many of a Free user's ten daily analyses on X."""
    create_usage(rows, user.user, usage_date=NOON.date(), url_lookups=10 - left)
    rows.commit()


def check_two_hundred_calls(http: httpx.Client, user: SignedIn, rows: Session, logged: Logged) -> None:
    use_all_but(rows, user, left=5)

    replies = analyze_at_once(http, user, [[f"https://x.com/jack/status/{number}"] for number in range(1, 201)])

    # The failed answers come first, so that a failure explains itself.
    assert [line for line in logged() if line["level"] == "ERROR"] == []
    assert Counter(reply.status_code for reply in replies) == {202: 5, 403: 15, 429: 180}
    assert count_admitted(rows, user) == (5, 5, 10)


@pytest.mark.usefixtures("clock")
def test_two_hundred_concurrent_calls_with_five_left_admit_exactly_five(
    http: httpx.Client, sign_in: Callable[..., SignedIn], rows: Session, logged: Logged
) -> None:
    check_two_hundred_calls(http, sign_in(), rows, logged)


@pytest.mark.proof
@pytest.mark.usefixtures("clock")
def test_two_hundred_concurrent_calls_admit_exactly_five_every_time(
    http: httpx.Client, sign_in: Callable[..., SignedIn], rows: Session, logged: Logged
) -> None:
    for _ in range(scaled(50)):
        check_two_hundred_calls(http, sign_in(), rows, logged)


@pytest.mark.usefixtures("clock")
def test_fifty_concurrent_calls_with_one_key_have_one_effect(
    http: httpx.Client, free_user: SignedIn, rows: Session
) -> None:
    calls = [["https://x.com/jack/status/20"]] * AT_ONCE

    replies = analyze_at_once(http, free_user, calls, keys=["the-same"] * AT_ONCE)

    answered = [reply for reply in replies if reply.status_code == 202]
    assert {reply.status_code for reply in replies} <= {202, 409}
    assert len({reply.content for reply in answered}) == 1
    assert [reply.headers.get("Idempotency-Replayed") for reply in answered].count(None) == 1
    assert count_admitted(rows, free_user) == (1, 1, 1)


@pytest.mark.proof
@pytest.mark.parametrize("seed", seeds(20))
def test_calls_of_any_size_with_and_without_keys_never_exceed_a_limit(
    http: httpx.Client, clock: FakeClock, free_user: SignedIn, rows: Session, seed: int
) -> None:
    chance = random.Random(seed)
    urls = [
        "https://x.com/jack/status/{}",
        "https://www.youtube.com/watch?v=dQw4w9Wg{:03}",
        "https://www.instagram.com/p/C0abcdef{:03}/",
    ]
    use_all_but(rows, free_user, left=chance.randint(0, 10))
    for _ in range(3):
        calls = [
            [chance.choice(urls).format(chance.randint(100, 999)) for _ in range(chance.randint(1, 3))]
            for _ in range(40)
        ]
        keys = [f"key-{chance.randint(1, 15)}" for _ in calls]

        replies = analyze_at_once(http, free_user, calls, keys=chance.choice((keys, None)))

        assert {reply.status_code for reply in replies} <= {202, 403, 409, 422, 429}
        clock.advance(chance.choice((600, 3600)))
    requests, held, _ = count_admitted(rows, free_user)
    assert requests == held
    used = rows.execute(select(UserUsage.platform, UserUsage.url_lookups).where(UserUsage.user_id == free_user.user.id))
    assert all(0 <= number <= 10 for _, number in used)
