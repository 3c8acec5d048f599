"""GET /api/accounts/usage/, its limits and its history."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_usage
from tests.fakes.clock import FakeClock
from tests.fixtures.database import count_statements
from tests.functions.api.conftest import BASE_URL, POST_URL, SignedIn, replace_services

USAGE = "/api/accounts/usage/"
LIMITS = f"{USAGE}limits/"
HISTORY = f"{USAGE}history/"
TODAY = date(2026, 11, 25)
NOTHING = {"url_lookups": 0, "questions_asked": 0, "handle_analyses": 0, "post_suggestions": 0}


@pytest.fixture(autouse=True)
def clock(app: FastAPI) -> FakeClock:
    clock = FakeClock(datetime(2026, 11, 25, 12, tzinfo=UTC))
    replace_services(app, clock=clock)
    return clock


def create_days(rows: Session, user: SignedIn, number: int, **columns: Any) -> list[str]:
    """Create a row for each of the last days, today included. Return the days, newest first."""
    days = [TODAY - timedelta(days=days) for days in range(number)]
    for day in days:
        create_usage(rows, user.user, usage_date=day, **columns)
    rows.commit()
    return [day.isoformat() for day in days]


def test_a_user_without_usage_sees_zeros(client: TestClient, free_user: SignedIn) -> None:
    reply = client.get(USAGE, headers=free_user.headers)

    assert reply.status_code == 200
    assert reply.json() == {
        "date": "2026-11-25",
        "resets_at": "2026-11-26T00:00:00Z",
        "platforms": [{"platform": platform} | NOTHING for platform in ("instagram", "x", "youtube")],
    }


def test_usage_shows_only_todays_rows_of_the_caller(
    client: TestClient, free_user: SignedIn, sign_in: Callable[..., SignedIn], rows: Session
) -> None:
    used = {"url_lookups": 3, "questions_asked": 2, "handle_analyses": 1, "post_suggestions": 12}
    create_usage(rows, free_user.user, usage_date=TODAY, **used)
    create_days(rows, sign_in(), 2, url_lookups=9)
    create_usage(rows, free_user.user, usage_date=TODAY - timedelta(days=1), platform="youtube", url_lookups=9)
    rows.commit()

    platforms = client.get(USAGE, headers=free_user.headers).json()["platforms"]

    assert platforms == [
        {"platform": "instagram"} | NOTHING,
        {"platform": "x"} | used,
        {"platform": "youtube"} | NOTHING,
    ]


def test_an_accepted_post_counts_at_once_and_until_midnight(
    client: TestClient, free_user: SignedIn, clock: FakeClock
) -> None:
    client.post("/api/analysis/analyze/", json={"post_urls": [POST_URL]}, headers=free_user.headers)

    today = client.get(USAGE, headers=free_user.headers).json()
    clock.advance(12 * 3600)
    tomorrow = client.get(USAGE, headers=free_user.headers).json()

    assert [day["platforms"][1]["url_lookups"] for day in (today, tomorrow)] == [1, 0]
    assert tomorrow["resets_at"] == "2026-11-27T00:00:00Z"


def test_limits_show_the_plan_and_what_remains_of_it(
    client: TestClient, sign_in: Callable[..., SignedIn], rows: Session
) -> None:
    pro = sign_in("pro")
    create_usage(rows, pro.user, usage_date=TODAY, url_lookups=40, questions_asked=100, handle_analyses=11)
    rows.commit()

    reply = client.get(LIMITS, headers=pro.headers)

    assert reply.status_code == 200
    untouched = {"analyses_left": 100, "questions_left": 100, "handles_left": 10}
    assert reply.json() == {
        "plan": "pro",
        "max_urls": 20,
        "max_analyses_per_day": 100,
        "max_questions_per_day": 100,
        "max_handles": 10,
        "resets_at": "2026-11-26T00:00:00Z",
        "platforms": [
            {"platform": "instagram"} | untouched,
            {"platform": "x", "analyses_left": 60, "questions_left": 0, "handles_left": 0},
            {"platform": "youtube"} | untouched,
        ],
    }


def test_limits_without_a_plan_are_an_error(client: TestClient, sign_in: Callable[..., SignedIn]) -> None:
    without_plan = sign_in(None)

    reply = client.get(LIMITS, headers=without_plan.headers)

    assert (reply.status_code, reply.json()["code"]) == (403, "no_current_plan")
    assert client.get(USAGE, headers=without_plan.headers).status_code == 200


def test_the_usage_history_has_one_row_per_day_and_platform_newest_first(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    today, yesterday = create_days(rows, free_user, 2, platform="x", url_lookups=2, post_suggestions=8)
    create_days(rows, free_user, 1, platform="instagram", questions_asked=1)

    reply = client.get(HISTORY, headers=free_user.headers)

    assert reply.status_code == 200
    explained = {"url_lookups": 2, "questions_asked": 0, "handle_analyses": 0, "post_suggestions": 8}
    assert reply.json() == {
        "count": 3,
        "next": None,
        "previous": None,
        "results": [
            {"date": today, "platform": "instagram"} | NOTHING | {"questions_asked": 1},
            {"date": today, "platform": "x"} | explained,
            {"date": yesterday, "platform": "x"} | explained,
        ],
    }


def test_a_usage_period_includes_its_first_and_last_day(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    days = create_days(rows, free_user, 5)

    def listed(**period: str) -> list[str]:
        results = client.get(HISTORY, params=period, headers=free_user.headers).json()["results"]
        return [row["date"] for row in results]

    assert listed(**{"from": days[3], "to": days[1]}) == days[1:4]
    assert listed(**{"from": days[2], "to": days[2]}) == [days[2]]
    assert listed(**{"from": days[1]}) == days[:2]
    assert listed(to=days[3]) == days[3:]


def test_the_usage_history_can_be_filtered_by_platform(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    for platform in ("x", "youtube"):
        create_days(rows, free_user, 2, platform=platform)

    page = client.get(HISTORY, params={"platform": "youtube"}, headers=free_user.headers).json()

    assert (page["count"], {row["platform"] for row in page["results"]}) == (2, {"youtube"})


def test_page_links_of_the_usage_history_keep_its_filters(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    days = create_days(rows, free_user, 50)
    asked = {"from": days[44], "platform": "x"}

    pages = [client.get(HISTORY, params=asked | {"page": page}, headers=free_user.headers).json() for page in (1, 2, 3)]

    links = [f"{BASE_URL}{HISTORY}?from={days[44]}&platform=x&page={page}" for page in (1, 2, 3)]
    assert [row["date"] for page in pages for row in page["results"]] == days[:45]
    assert [(page["count"], page["previous"], page["next"]) for page in pages] == [
        (45, None, links[1]),
        (45, links[0], links[2]),
        (45, links[1], None),
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "query.from"),
        ("from=20261125", "query.from"),
        ("from=1700000000", "query.from"),
        ("from=2026-02-30", "query.from"),
        ("from=2026-11-25T00:00:00", "query.from"),
        ("from=%D9%A2%D9%A0%D9%A2%D9%A6-11-25", "query.from"),
        ("to=0000-01-01", "query.to"),
        ("to=", "query.to"),
        ("from=2026-11-25&to=2026-11-24", "query"),
        ("platform=tiktok", "query.platform"),
        ("platform=X", "query.platform"),
        ("page=0", "query.page"),
        ("page=10001", "query.page"),
    ],
)
def test_an_invalid_period_is_refused_with_the_name_of_the_field(
    client: TestClient, free_user: SignedIn, query: str, field: str
) -> None:
    reply = client.get(f"{HISTORY}?{query}", headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert [problem["field"] for problem in reply.json()["details"]] == [field]


def test_a_period_that_ends_before_it_starts_is_refused_with_the_reason(
    client: TestClient, free_user: SignedIn
) -> None:
    reply = client.get(f"{HISTORY}?from=2026-11-25&to=2026-11-24", headers=free_user.headers)

    assert reply.json()["details"] == [{"field": "query", "problem": "Value error, `from` must not be after `to`"}]


@pytest.mark.parametrize(("path", "statements"), [(USAGE, 2), (LIMITS, 2), (HISTORY, 2)])
def test_no_route_needs_more_statements_for_twenty_days_than_for_one(
    client: TestClient, sign_in: Callable[..., SignedIn], rows: Session, path: str, statements: int
) -> None:
    needed = []
    for number in (1, 20):
        user = sign_in()
        create_days(rows, user, number)
        client.get(path, headers=user.headers)  # opens the connection
        with count_statements() as counted:
            assert client.get(path, headers=user.headers).status_code == 200
        needed.append(len(counted))

    assert needed == [statements, statements]
