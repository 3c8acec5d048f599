"""Many requests at once, over sockets, as uvicorn serves them."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread
from time import sleep

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from functions.api.settings import ApiSettings
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import SignedIn
from whyviral.accounts.models import Subscription, User

LIST = "/api/analysis/requests/"
AT_ONCE = 50


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
    with serving(app) as base_url, httpx.Client(base_url=base_url, timeout=20) as http:
        yield http


def get_at_once(http: httpx.Client, path: str, headers: dict[str, str]) -> Counter[int]:
    """Return how often each status was the answer."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return Counter(threads.map(lambda _: http.get(path, headers=headers).status_code, range(AT_ONCE)))


def test_fifty_first_requests_make_one_user_with_one_subscription(
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
def test_more_requests_than_threads_and_connections_all_get_an_answer(
    http: httpx.Client, somebody: SignedIn, path: str
) -> None:
    assert get_at_once(http, path, somebody.headers) == {200: AT_ONCE}


def test_a_large_body_is_refused_in_words_and_not_by_a_broken_connection(
    http: httpx.Client, somebody: SignedIn
) -> None:
    body = b'{"post_urls": ["' + b"a" * 5_000_000 + b'"]}'

    replies = [
        http.post("/api/analysis/analyze", content=body, headers={"Content-Type": "application/json"} | headers)
        for headers in (somebody.headers, {})
    ]

    assert [reply.json()["code"] for reply in replies] == ["body_too_large", "not_authenticated"]
