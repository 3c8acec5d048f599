"""The API in front of a transaction pooler with three connections to the server."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from functions.api.settings import ApiSettings
from tests.fixtures.postgres.pgbouncer import StartPooler
from tests.functions.api.conftest import SignedIn
from tests.functions.api.database.test_concurrency import serving
from whyviral.analytics.models import ApiAccessLog

_AT_ONCE = 50
_CALLS = 500
_PATHS = ["/api/analysis/requests/", "/api/accounts/me/", "/api/accounts/usage/limits/", "/api/accounts/plans/"]


@pytest.fixture
def settings(settings: ApiSettings, api_database_url: str, start_pooler: StartPooler) -> ApiSettings:
    pooled = SecretStr(start_pooler(api_database_url))
    return settings.model_copy(update={"supabase_db_url": pooled, "db_pool_size": 8})


@pytest.fixture
def http(app: FastAPI) -> Iterator[httpx.Client]:
    # No keep-alive: reusing a connection that is just being closed would look like a failure of the server.
    limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0)
    with serving(app) as base_url, httpx.Client(base_url=base_url, timeout=60, limits=limits) as http:
        yield http


def test_fifty_calls_at_once_are_all_answered_and_recorded(
    http: httpx.Client, free_user: SignedIn, rows: Session, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    def call(number: int) -> int:
        return http.get(_PATHS[number % len(_PATHS)], headers=free_user.headers).status_code

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        statuses = Counter(threads.map(call, range(_CALLS)))

    assert statuses == {200: _CALLS}
    assert [line for line in logged() if line["level"] in {"WARNING", "ERROR"}] == []
    assert wait_for_records(rows, free_user, at_least=_CALLS * 3 // 4) == _CALLS * 3 // 4


def wait_for_records(rows: Session, user: SignedIn, *, at_least: int) -> int:
    """Wait for and return the number of recorded calls of the user. A row is written after its answer."""
    own = select(func.count()).select_from(ApiAccessLog).where(ApiAccessLog.user_id == user.user.id)
    for _ in range(300):
        count = rows.scalar(own) or 0
        rows.rollback()
        if count >= at_least:
            break
        time.sleep(0.1)
    return count
