"""Database round trips of each route, counted at the socket.

`make round-trips` prints the table that docs/performance.md shows.
"""

import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from functions.api.settings import ApiSettings
from tests.fixtures.postgres.counting_proxy import CountingProxy
from tests.functions.api.conftest import SignedIn
from tests.functions.api.routers.test_reading import create_requests, create_whole_request

LIST = "/api/analysis/requests/"
POSTS = 20


@dataclass(frozen=True, slots=True)
class Route:
    """A call and its promised maximum of round trips, everything included."""

    name: str
    max_round_trips: int
    path: str
    body: Callable[[], dict[str, object]] | None = None
    headers: Callable[[], dict[str, str]] = field(default=dict)


def _new_post() -> dict[str, object]:
    return {"post_urls": [f"https://x.com/jack/status/{uuid.uuid4().int % 10**18}"]}


def _new_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


ROUTES = [
    Route("GET /api/accounts/me/", 4, "/api/accounts/me/"),
    Route("GET /api/accounts/plans/", 5, "/api/accounts/plans/"),
    Route("GET /api/accounts/usage/limits/", 5, "/api/accounts/usage/limits/"),
    Route("GET /api/accounts/usage/history/", 5, "/api/accounts/usage/history/"),
    Route("GET /api/analysis/requests/", 5, LIST),
    Route("GET /api/analysis/requests/?search=…", 5, LIST + "?search=twttr&status=PENDING"),
    Route("GET /api/analysis/requests/<id>/", 7, LIST + "{id}/"),
    Route("GET /api/social/posts/analysis/<id>/", 7, "/api/social/posts/analysis/{id}/"),
    Route("POST /api/analysis/analyze/", 12, "/api/analysis/analyze/", _new_post),
    Route("POST /api/analysis/analyze/, with a key", 12, "/api/analysis/analyze/", _new_post, _new_key),
]


@pytest.fixture(scope="module")
def proxy(api_database_url: str) -> Iterator[CountingProxy]:
    url = make_url(api_database_url)
    with CountingProxy(str(url.host), int(url.port or 0)) as proxy:
        yield proxy


@pytest.fixture
def settings(settings: ApiSettings, api_database_url: str, proxy: CountingProxy) -> ApiSettings:
    url = make_url(api_database_url).set(port=proxy.port).render_as_string(hide_password=False)
    return settings.model_copy(update={"supabase_db_url": SecretStr(url)})


@pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
def test_a_route_needs_no_more_round_trips_than_promised(
    client: TestClient,
    sign_in: Callable[..., SignedIn],
    rows: Session,
    proxy: CountingProxy,
    capsys: pytest.CaptureFixture[str],
    route: Route,
) -> None:
    user = sign_in(plan="business")
    create_requests(rows, user, 20)
    path = route.path.format(id=create_whole_request(rows, user, posts=POSTS).id)

    def call() -> int:
        method, body = ("POST", route.body()) if route.body else ("GET", None)
        return client.request(method, path, json=body, headers=user.headers | route.headers()).status_code

    statuses = [call()]
    proxy.take()
    statuses.append(call())
    round_trips = proxy.take()

    with capsys.disabled():
        sys.stdout.write(f"\n| `{route.name}` | {round_trips} | {route.max_round_trips} | ")
    assert statuses == [202 if route.body else 200] * 2
    assert 0 < round_trips <= route.max_round_trips


def test_the_first_read_of_a_request_needs_no_more_round_trips_than_promised_although_it_records_the_view(
    client: TestClient, sign_in: Callable[..., SignedIn], rows: Session, proxy: CountingProxy
) -> None:
    user = sign_in(plan="business")
    client.get(LIST, headers=user.headers)  # opens the connection
    path = f"{LIST}{create_whole_request(rows, user, posts=POSTS).id}/"
    proxy.take()

    reply = client.get(path, headers=user.headers)

    assert (reply.status_code, 0 < proxy.take() <= 7) == (200, True)
