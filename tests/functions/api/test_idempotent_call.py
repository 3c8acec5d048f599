"""Idempotent calls: the rate limit and the idempotency key, checked before the plan."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from functions.api.settings import ApiSettings
from tests.factories import create_usage
from tests.fakes.clock import FakeClock
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.database import count_statements
from tests.fixtures.waits import WAIT_S
from tests.functions.api.conftest import POST_URL, SignedIn, replace_services
from whyviral.accounts.models import Plan, Subscription
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.throttling.idempotency import KEY_LIFETIME, LEASE
from whyviral.throttling.models import IdempotencyKey

PATH = "/api/analysis/analyze/"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
OTHER_URL = "https://x.com/jack/status/29"


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    """A client for concurrent calls."""
    return settings.model_copy(update={"db_pool_size": 4})


@pytest.fixture(autouse=True)
def clock(app: FastAPI) -> FakeClock:
    clock = FakeClock(NOON)
    replace_services(app, clock=clock)
    return clock


@pytest.fixture
def business(sign_in: Callable[..., SignedIn]) -> SignedIn:
    return sign_in("business")


def analyze(client: TestClient, user: SignedIn, *urls: str, headers: dict[str, str] | None = None) -> Response:
    body = {"post_urls": list(urls) or [POST_URL]}
    return client.post(PATH, json=body, headers=user.headers | (headers or {}))


def rate(reply: Response) -> tuple[str | None, ...]:
    return tuple(reply.headers.get(name) for name in ("RateLimit-Policy", "RateLimit", "Retry-After"))


def count_requests(rows: Session, user: SignedIn) -> int:
    rows.rollback()
    return len(rows.scalars(select(PostAnalysisRequest.id).where(PostAnalysisRequest.user_id == user.user.id)).all())


POLICY = '"analysis";q=20;w=3600'


def test_twenty_calls_an_hour_are_allowed_and_the_next_one_gets_retry_after(
    client: TestClient, business: SignedIn, clock: FakeClock
) -> None:
    replies = []
    for _ in range(21):
        replies.append(analyze(client, business))
        clock.advance(60)

    assert [reply.status_code for reply in replies] == [202] * 20 + [429]
    assert rate(replies[0]) == (POLICY, '"analysis";r=19;t=3600', None)
    assert rate(replies[18]) == (POLICY, '"analysis";r=1;t=2520', None)
    assert rate(replies[19]) == (POLICY, '"analysis";r=0;t=2460', None)
    assert rate(replies[20]) == (POLICY, '"analysis";r=0;t=2400', "2400")
    assert replies[20].json() == {
        "error": "Too many calls: at most 20 are allowed in 60 minutes. Try again in 40 minutes.",
        "code": "rate_limited",
        "request_id": replies[20].headers["X-Request-Id"],
        "details": {"limit": 20, "window_s": 3600, "retry_after_s": 2400},
    }


def test_a_call_is_allowed_again_once_the_oldest_is_an_hour_old(
    client: TestClient, business: SignedIn, clock: FakeClock
) -> None:
    for _ in range(20):
        analyze(client, business)
        clock.advance(1)

    clock.now = NOON + timedelta(hours=1) - timedelta(microseconds=1)
    too_soon = analyze(client, business)
    clock.now = NOON + timedelta(hours=1)
    statuses = [analyze(client, business).status_code for _ in range(2)]

    assert (too_soon.status_code, too_soon.headers["Retry-After"]) == (429, "1")
    assert statuses == [202, 429]


def test_every_user_has_a_separate_rate_limit(client: TestClient, sign_in: Callable[..., SignedIn]) -> None:
    users = [sign_in("business"), sign_in("business")]
    for _ in range(21):
        analyze(client, users[0])

    assert analyze(client, users[1]).status_code == 202


@pytest.mark.parametrize(
    "body",
    [{"post_urls": []}, {"post_urls": ["https://example.com/"]}, {"post_urls": [POST_URL] * 101}],
    ids=["wrong form", "bad URL", "too many URLs"],
)
def test_an_invalid_body_does_not_count_towards_the_rate_limit(
    client: TestClient, business: SignedIn, body: dict[str, Any]
) -> None:
    refused = [client.post(PATH, json=body, headers=business.headers) for _ in range(25)]

    assert {reply.status_code for reply in refused} == {422}
    assert rate(refused[0]) == (None, None, None)
    assert rate(analyze(client, business))[1] == '"analysis";r=19;t=3600'


def test_a_call_refused_by_the_plan_counts_towards_the_rate_limit(client: TestClient, free_user: SignedIn) -> None:
    urls = [f"https://x.com/jack/status/{number}" for number in range(1, 7)]

    refused = analyze(client, free_user, *urls)

    assert (refused.status_code, refused.json()["code"]) == (403, "max_urls_exceeded")
    assert rate(refused) == (POLICY, '"analysis";r=19;t=3600', None)
    assert rate(analyze(client, free_user))[1] == '"analysis";r=18;t=3600'


def test_the_rate_limit_is_checked_before_the_plan(client: TestClient, sign_in: Callable[..., SignedIn]) -> None:
    user = sign_in(None)

    statuses = [analyze(client, user).status_code for _ in range(21)]

    assert statuses == [403] * 20 + [429]


def test_a_used_up_plan_reports_its_limit_and_its_reset_time(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    create_usage(rows, free_user.user, usage_date=NOON.date(), url_lookups=9)
    rows.commit()

    refused = analyze(client, free_user, POST_URL, OTHER_URL, "https://youtu.be/dQw4w9WgXcQ")

    assert refused.status_code == 403
    assert refused.json() == {
        "error": "The Free plan allows 10 URLs a day on x. You have used 9, and this call has 2. "
        "Send fewer, upgrade, or try again after midnight UTC.",
        "code": "usage_limit_reached",
        "request_id": refused.headers["X-Request-Id"],
        "details": {"platform": "x", "limit": 10, "used": 9, "requested": 2, "resets_at": "2026-11-26T00:00:00Z"},
    }
    usage = client.get("/api/accounts/usage/", headers=free_user.headers).json()["platforms"]
    assert {platform["platform"]: platform["url_lookups"] for platform in usage} == {
        "instagram": 0,
        "x": 9,
        "youtube": 0,
    }
    assert count_requests(rows, free_user) == 0
    assert analyze(client, free_user).status_code == 202


def test_a_repeated_call_gets_its_first_answer_and_has_no_second_effect(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session, clock: FakeClock
) -> None:
    first = analyze(client, free_user, headers=KEY)
    clock.advance(3600)

    again = [analyze(client, free_user, headers=KEY) for _ in range(25)]

    assert first.status_code == 202
    assert "Idempotency-Replayed" not in first.headers
    for reply in again:
        assert (reply.status_code, reply.content, reply.headers["Idempotency-Replayed"]) == (202, first.content, "true")
        assert reply.headers["Content-Type"] == first.headers["Content-Type"]
        assert rate(reply) == (None, None, None)
    assert len({reply.headers["X-Request-Id"] for reply in (first, *again)}) == 26
    assert (count_requests(rows, free_user), len(workflow.started)) == (1, 1)
    usage = client.get("/api/accounts/usage/", headers=free_user.headers).json()["platforms"]
    assert usage[1]["url_lookups"] == 1


def test_an_answer_with_a_key_equals_the_answer_without_one(
    client: TestClient, sign_in: Callable[..., SignedIn]
) -> None:
    [with_key, without] = [analyze(client, sign_in(), headers=headers).json()["requests"][0] for headers in (KEY, {})]

    assert with_key.keys() == without.keys()
    assert {name: value for name, value in with_key.items() if name not in ("id", "created_at", "updated_at")} == {
        name: value for name, value in without.items() if name not in ("id", "created_at", "updated_at")
    }


def test_the_same_key_with_another_body_is_refused(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    analyze(client, free_user, headers=KEY)

    reply = analyze(client, free_user, OTHER_URL, headers=KEY)

    assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_key_reused")
    assert rate(reply) == (None, None, None)
    assert count_requests(rows, free_user) == 1


def test_the_same_body_in_another_notation_is_the_same_call(client: TestClient, free_user: SignedIn) -> None:
    analyze(client, free_user, headers=KEY)

    body = b'{ "post_urls" :\n["https:\\/\\/x.com/jack/status/20"] }'
    headers = free_user.headers | KEY | {"Content-Type": "application/json"}
    reply = client.post(PATH.removesuffix("/"), content=body, headers=headers)

    assert (reply.status_code, reply.headers["Idempotency-Replayed"]) == (202, "true")


def test_keys_of_different_users_are_independent(client: TestClient, sign_in: Callable[..., SignedIn]) -> None:
    replies = [analyze(client, sign_in(), url, headers=KEY) for url in (POST_URL, OTHER_URL)]

    assert [reply.status_code for reply in replies] == [202, 202]
    assert all("Idempotency-Replayed" not in reply.headers for reply in replies)


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "a" * 256, "tab\tbed"])
def test_an_invalid_key_is_refused(client: TestClient, free_user: SignedIn, key: str) -> None:
    headers = [
        (name.encode(), value.encode()) for name, value in (free_user.headers | {"Idempotency-Key": key}).items()
    ]

    reply = client.post(PATH, json={"post_urls": [POST_URL]}, headers=headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert [problem["field"] for problem in reply.json()["details"]] == ["header.Idempotency-Key"]


@pytest.mark.parametrize("key", ["a", "a" * 255, '"quoted"', "!~"])
def test_a_key_of_any_visible_ascii_characters_is_accepted(client: TestClient, free_user: SignedIn, key: str) -> None:
    replies = [analyze(client, free_user, headers={"Idempotency-Key": key}) for _ in range(2)]

    assert [reply.headers.get("Idempotency-Replayed") for reply in replies] == [None, "true"]


def test_a_refused_call_releases_its_key(client: TestClient, sign_in: Callable[..., SignedIn], rows: Session) -> None:
    user = sign_in("free")
    urls = [f"https://x.com/jack/status/{number}" for number in range(1, 7)]
    refused = analyze(client, user, *urls, headers=KEY)
    pro = select(Plan.id).where(Plan.slug == "pro").scalar_subquery()
    rows.execute(update(Subscription).where(Subscription.user_id == user.user.id).values(plan_id=pro))
    rows.commit()

    upgraded = analyze(client, user, *urls, headers=KEY)

    assert (refused.status_code, upgraded.status_code) == (403, 202)
    assert "Idempotency-Replayed" not in upgraded.headers


def test_a_rate_limited_call_releases_its_key(client: TestClient, business: SignedIn, clock: FakeClock) -> None:
    for _ in range(20):
        analyze(client, business)
    refused = analyze(client, business, headers=KEY)
    clock.advance(3600)

    later = analyze(client, business, OTHER_URL, headers=KEY)

    assert (refused.status_code, later.status_code) == (429, 202)


def test_a_key_can_be_reused_after_a_day(client: TestClient, free_user: SignedIn, clock: FakeClock) -> None:
    analyze(client, free_user, headers=KEY)

    clock.now = NOON + KEY_LIFETIME - timedelta(microseconds=1)
    last = analyze(client, free_user, headers=KEY)
    clock.now = NOON + KEY_LIFETIME
    new = analyze(client, free_user, OTHER_URL, headers=KEY)

    assert last.headers["Idempotency-Replayed"] == "true"
    assert (new.status_code, new.headers.get("Idempotency-Replayed")) == (202, None)
    assert new.json()["requests"][0]["post_urls"] == ["https://x.com/i/status/29"]


def test_a_crashed_call_blocks_its_key_only_until_its_lease_ends(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session, clock: FakeClock
) -> None:
    def die() -> None:
        raise RuntimeError("the sandbox is gone")  # as after a kill, no later line runs

    workflow.during_admission = die
    died = analyze(client, free_user, headers=KEY)
    workflow.during_admission = None

    clock.now = NOON + LEASE - timedelta(microseconds=1)
    running = analyze(client, free_user, headers=KEY)
    others = [analyze(client, free_user, OTHER_URL, headers=KEY)]
    clock.now = NOON + LEASE
    others.append(analyze(client, free_user, OTHER_URL, headers=KEY))
    taken_over = analyze(client, free_user, headers=KEY)

    assert died.status_code == 500
    assert (running.status_code, running.json()["code"]) == (409, "idempotency_key_in_use")
    assert running.headers["Retry-After"] == "1"
    assert [other.json()["code"] for other in others] == ["idempotency_key_reused"] * 2
    assert (taken_over.status_code, taken_over.headers.get("Idempotency-Replayed")) == (202, None)
    assert count_requests(rows, free_user) == 1


def test_a_call_whose_key_was_taken_over_has_no_effect(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session, clock: FakeClock
) -> None:
    quick: list[Response] = []

    def be_slow() -> None:
        workflow.during_admission = None
        clock.advance(LEASE.total_seconds())
        quick.append(analyze(client, free_user, headers=KEY))

    workflow.during_admission = be_slow
    slow = analyze(client, free_user, headers=KEY)

    assert [reply.status_code for reply in quick] == [202]
    assert (slow.status_code, slow.json()["code"]) == (409, "idempotency_key_in_use")
    assert count_requests(rows, free_user) == 1
    assert analyze(client, free_user, headers=KEY).content == quick[0].content


def test_a_second_call_with_the_key_of_a_running_call_gets_409(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    is_running, may_go_on = Event(), Event()

    def wait() -> None:
        is_running.set()
        assert may_go_on.wait(WAIT_S)

    workflow.during_admission = wait
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(analyze, client, free_user, headers=KEY)
        assert is_running.wait(WAIT_S)
        second = analyze(client, free_user, headers=KEY)
        may_go_on.set()

    assert (second.status_code, first.result().status_code) == (409, 202)
    assert count_requests(rows, free_user) == 1


def test_an_answer_is_stored_unchanged_for_a_day(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    reply = analyze(client, free_user, headers=KEY)

    row = rows.scalars(select(IdempotencyKey).where(IdempotencyKey.user_id == free_user.user.id)).one()
    assert (row.status_code, row.answer, row.expires_at) == (202, reply.text, NOON + timedelta(days=1))


def test_a_key_costs_two_statements_and_a_repeated_call_needs_three_in_all(
    client: TestClient, sign_in: Callable[..., SignedIn]
) -> None:
    user = sign_in("business")
    urls = [f"https://x.com/jack/status/{number}" for number in range(1, 51)]
    client.get("/api/analysis/requests/", headers=user.headers)  # opens the connection
    needed = []
    for number in (1, 50):
        for _ in range(2):
            with count_statements() as statements:
                reply = analyze(client, user, *urls[:number], headers={"Idempotency-Key": f"key-{number}"})
            assert reply.status_code == 202
            needed.append(len(statements))

    assert needed == [9, 3, 9, 3]
