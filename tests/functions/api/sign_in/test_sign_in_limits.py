"""Rate limits of the sign-in routes, by network and by e-mail address, and the record of refused calls."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import HOST, replace_services
from whyviral.accounts import sign_in as sign_in_module
from whyviral.accounts.sign_in import ADDRESS_RATE, PASSWORD_RATE
from whyviral.analytics.models import ApiAccessLog
from whyviral.throttling.rate_limits import RatePolicy

LOGIN = "/api/accounts/login/"
PASSWORD = "correct horse battery"
ANOTHER = "staple correct horse"

type Post = Callable[..., Any]


@pytest.fixture
def from_address(app: FastAPI) -> Callable[[str], TestClient]:
    """Return a function that returns a client at a network address."""
    return lambda address: TestClient(app, base_url=f"http://{HOST}", client=(address, 5000))


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
    ],
)
def test_addresses_of_one_ipv6_network_count_together(
    post: Post, from_address: Callable[[str], TestClient], first: str, second: str, are_one: bool
) -> None:
    for _ in range(ADDRESS_RATE.limit):
        from_address(first).post(LOGIN, json={"token": "not-a-token"})

    status = from_address(second).post(LOGIN, json={"token": "not-a-token"}).status_code

    assert status == (429 if are_one else 401)


def test_a_strangers_wrong_passwords_do_not_lock_the_owner_out(
    post: Post, from_address: Callable[[str], TestClient], stand_ins: StandInsClient, email: str
) -> None:
    stand_ins.clerk_user(email, PASSWORD)
    wrong_body, right_body = {"email": email, "password": ANOTHER}, {"email": email, "password": PASSWORD}
    stranger = from_address("198.51.100.7")
    tries = [stranger.post(LOGIN, json=wrong_body).status_code for _ in range(PASSWORD_RATE.limit + 1)]

    owner = from_address("192.0.2.1").post(LOGIN, json=right_body)

    assert tries == [401] * PASSWORD_RATE.limit + [429]
    assert owner.status_code == 200


def test_guessing_from_many_networks_is_limited_except_where_the_owner_signed_in_before(
    post: Post,
    from_address: Callable[[str], TestClient],
    stand_ins: StandInsClient,
    email: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The real limit would take a hundred calls to Clerk.
    monkeypatch.setattr(sign_in_module, "GUESSING_RATE", RatePolicy("sign-in-guessing", 5, timedelta(minutes=15)))
    stand_ins.clerk_user(email, PASSWORD)
    wrong_body, right_body = {"email": email, "password": ANOTHER}, {"email": email, "password": PASSWORD}
    before = from_address("2001:db8::1").post(LOGIN, json=right_body).status_code
    tries = [from_address(f"198.51.100.{n}").post(LOGIN, json=wrong_body).status_code for n in range(5)]

    at_home = from_address("2001:db8::ffff").post(LOGIN, json=right_body).status_code
    abroad = from_address("203.0.113.1").post(LOGIN, json=right_body).status_code

    assert (before, tries[:4], tries[4]) == (200, [401] * 4, 429)
    assert (at_home, abroad) == (200, 429)


def test_a_flood_of_refusals_is_recorded_once_per_window(
    app: FastAPI, post: Post, email: str, rows: Session, count_rows: Callable[[], dict[str, int]]
) -> None:
    def recorded() -> int:
        access = rows.scalar(select(func.count()).select_from(ApiAccessLog)) or 0
        return access + sum(count_rows().values())

    now = datetime.now(UTC)
    replace_services(app, clock=lambda: now)
    for _ in range(PASSWORD_RATE.limit):
        post(LOGIN, email=email, password=PASSWORD)
    before = recorded()
    statuses = [post(LOGIN, email=email, password=PASSWORD)[0] for _ in range(20)]
    after_flood = recorded()
    now += PASSWORD_RATE.window  # all calls and refusals have left the window
    for _ in range(PASSWORD_RATE.limit):
        post(LOGIN, email=email, password=PASSWORD)
    before_second = recorded()
    statuses += [post(LOGIN, email=email, password=PASSWORD)[0] for _ in range(20)]

    assert statuses == [429] * 40
    assert after_flood - before == 3  # the first refusal: in the authentication log, the app log and the access log
    assert recorded() - before_second == 3
