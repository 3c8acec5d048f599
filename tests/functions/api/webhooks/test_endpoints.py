"""Endpoints of outgoing webhooks: created, changed, rotated, tried and deleted by their user only."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session
from standardwebhooks.webhooks import Webhook
from starlette.testclient import TestClient

from functions.api.routers.webhooks import WEBHOOKS_RATE
from tests.factories import create_delivery, create_endpoint
from tests.fakes.delivery_queue import FakeDeliveryQueue
from tests.functions.api.conftest import BASE_URL, SignedIn, replace_services
from tests.whyviral.social.media.test_hostile_urls import PRIVATE
from whyviral.integrations.http.ssrf_guard import GuardedHttp
from whyviral.throttling.models import RateWindow
from whyviral.webhooks.outgoing.models import OutgoingDelivery, OutgoingEndpoint
from whyviral.webhooks.outgoing.receivers import INNER_ADDRESS, NO_ADDRESS, NOT_A_URL, NOT_HTTPS, WRONG_PORT, Receivers
from whyviral.webhooks.outgoing.service import MAX_ENDPOINTS

ENDPOINTS = "/api/webhooks/endpoints/"
URL = "https://hooks.example.com/whyviral?team=1"


def resolving_to(*addresses: str) -> Receivers:
    """Return the receivers of a deployment, where every name has these addresses."""
    return Receivers(public=GuardedHttp(resolve=lambda _host, _port: addresses))


@pytest.fixture(autouse=True)
def deployed(app: FastAPI) -> None:
    replace_services(app, receivers=resolving_to("8.8.8.8"))


type Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(client: TestClient, free_user: SignedIn) -> Call:
    """Return a function that calls the API as the user and returns status and answer."""

    def call(method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any) -> tuple[int, Any]:
        content = json.dumps(body) if body else None  # in ASCII, so that a text may hold half a surrogate pair
        own = {"Content-Type": "application/json"} | (headers or free_user.headers)
        reply = client.request(method, path, content=content, headers=own)
        return reply.status_code, reply.json() if reply.content else None

    return call


@pytest.fixture
def endpoint(rows: Session, free_user: SignedIn) -> OutgoingEndpoint:
    found = create_endpoint(rows, free_user.user)
    rows.commit()
    return found


def test_a_new_endpoint_shows_its_secret_once(call: Call, rows: Session, free_user: SignedIn) -> None:
    status, created = call("POST", ENDPOINTS, url=URL, description="production", events=["analysis.failed"])

    assert status == 201
    secret = created.pop("secret")
    assert Webhook(secret)
    assert len(secret) > 40
    assert (created["url"], created["description"]) == (URL, "production")
    assert (created["events"], created["is_enabled"]) == (["analysis.failed"], True)
    assert call("GET", ENDPOINTS) == (200, {"count": 1, "next": None, "previous": None, "results": [created]})
    (row,) = rows.scalars(select(OutgoingEndpoint).where(OutgoingEndpoint.user_id == free_user.user.id))
    assert row.secret == secret


def test_an_endpoint_gets_all_events_unless_it_names_some(call: Call) -> None:
    _, created = call("POST", ENDPOINTS, url=URL)

    assert created["events"] == ["analysis.completed", "analysis.failed"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.example.com/", NOT_HTTPS),
        ("HTTPS://hooks.example.com/", NOT_HTTPS),
        ("ftp://hooks.example.com/", NOT_HTTPS),
        ("hooks.example.com", NOT_HTTPS),
        ("http://127.0.0.1/", NOT_HTTPS),
        ("javascript:alert(1)", NOT_HTTPS),
        ("https://", NOT_A_URL),
        ("https:///hook", NOT_A_URL),
        ("https://user:word@hooks.example.com/", NOT_A_URL),
        ("https://hooks.example.com/#part", NOT_A_URL),
        ("https://hooks.example.com/a b", NOT_A_URL),
        ("https://hooks.example.com/\r\nHost: inner", NOT_A_URL),
        ("https://hooks.example.com\\@inner/", NOT_A_URL),
        ("https://h\u00f6oks.example.com/", NOT_A_URL),
        ("https://hooks.example.com/\u202e", NOT_A_URL),
        ("https://hooks.example.com:22/", WRONG_PORT),
        ("https://hooks.example.com:0/", WRONG_PORT),
        ("https://hooks.example.com:99999/", WRONG_PORT),
    ],
)
def test_a_url_that_cannot_be_a_receiver_is_refused_with_the_reason(call: Call, url: str, reason: str) -> None:
    status, refusal = call("POST", ENDPOINTS, url=url)

    assert (status, refusal["code"], refusal["details"]) == (422, "webhook_url_refused", {"reason": reason})
    assert call("GET", ENDPOINTS)[1]["count"] == 0


@pytest.mark.parametrize("address", PRIVATE)
def test_a_host_that_resolves_inward_is_refused(app: FastAPI, call: Call, address: str) -> None:
    for addresses in ([address], ["8.8.8.8", address]):
        replace_services(app, receivers=resolving_to(*addresses))

        status, refusal = call("POST", ENDPOINTS, url=URL)

        assert (status, refusal["details"]) == (422, {"reason": INNER_ADDRESS})


def test_a_host_without_an_address_is_refused(app: FastAPI, call: Call) -> None:
    replace_services(app, receivers=resolving_to())

    assert call("POST", ENDPOINTS, url=URL)[1]["details"] == {"reason": NO_ADDRESS}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": URL, "events": []},
        {"url": URL, "events": ["webhook.test"]},
        {"url": URL, "events": ["analysis.started"]},
        {"url": URL, "description": "x" * 201},
        {"url": URL, "description": "a\x00b"},
        {"url": URL, "secret": "whsec_mine"},
        {"url": "https://hooks.example.com/" + "a" * 2_000},
        {"url": "https://hooks.example.com/\ud800"},
        {"url": 7},
    ],
)
def test_an_invalid_endpoint_is_refused(call: Call, body: dict[str, Any]) -> None:
    assert call("POST", ENDPOINTS, **body)[0] == 422


def test_a_user_has_at_most_five_endpoints_even_with_parallel_calls(call: Call) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: call("POST", ENDPOINTS, url=f"{URL}&n={number}"), range(8)))

    assert sorted(status for status, _ in answers) == [201] * MAX_ENDPOINTS + [409] * 3
    assert {answer["code"] for status, answer in answers if status == 409} == {"too_many_webhook_endpoints"}
    assert call("GET", ENDPOINTS)[1]["count"] == MAX_ENDPOINTS


def test_a_disabled_endpoint_fails_its_pending_deliveries_and_can_be_enabled(
    call: Call, rows: Session, endpoint: OutgoingEndpoint
) -> None:
    delivery = create_delivery(rows, endpoint)
    rows.commit()
    path = f"{ENDPOINTS}{endpoint.id}/"

    disabled = call("PATCH", path, is_enabled=False)
    tested = call("POST", f"{path}test/")
    repeated = call("POST", f"{path}deliveries/{delivery.id}/redeliver/")
    rows.refresh(delivery)
    enabled = call("PATCH", path, is_enabled=True)

    assert (disabled[0], disabled[1]["is_enabled"], disabled[1]["disabled_reason"]) == (200, False, None)
    assert (tested[0], repeated[0]) == (409, 409)
    assert tested[1]["code"] == repeated[1]["code"] == "webhook_endpoint_disabled"
    assert delivery.state == "FAILED"
    assert (enabled[0], enabled[1]["is_enabled"]) == (200, True)


def test_enabling_ends_a_disabling_by_us(call: Call, rows: Session, free_user: SignedIn) -> None:
    endpoint = create_endpoint(rows, free_user.user, is_enabled=False, disabled_reason="so it was")
    rows.commit()

    status, changed = call("PATCH", f"{ENDPOINTS}{endpoint.id}/", is_enabled=True, description="again")

    assert (status, changed["is_enabled"], changed["disabled_reason"]) == (200, True, None)
    assert changed["description"] == "again"


def test_a_rotated_secret_is_shown_once_and_the_old_one_signs_for_a_day(
    call: Call, rows: Session, endpoint: OutgoingEndpoint
) -> None:
    before = endpoint.secret

    status, rotated = call("POST", f"{ENDPOINTS}{endpoint.id}/secret/")

    rows.refresh(endpoint)
    assert status == 200
    assert rotated["secret"] == endpoint.secret != before
    assert endpoint.previous_secret == before
    assert rotated["previous_secret_until"] is not None


def test_a_test_event_is_queued_and_listed(
    call: Call, endpoint: OutgoingEndpoint, deliveries: FakeDeliveryQueue
) -> None:
    path = f"{ENDPOINTS}{endpoint.id}/"

    status, delivery = call("POST", f"{path}test/")

    assert (status, delivery["type"], delivery["state"]) == (202, "webhook.test", "PENDING")
    assert deliveries.messages == [(uuid.UUID(delivery["id"]), 0)]
    assert call("GET", f"{path}deliveries/")[1]["results"] == [delivery]


def test_a_test_event_survives_a_queue_that_is_down(
    call: Call, endpoint: OutgoingEndpoint, deliveries: FakeDeliveryQueue
) -> None:
    deliveries.is_down = True

    status, delivery = call("POST", f"{ENDPOINTS}{endpoint.id}/test/")

    assert (status, delivery["state"]) == (202, "PENDING")  # the sweeper queues it


def test_a_repeated_test_with_one_key_sends_one_event(
    call: Call, endpoint: OutgoingEndpoint, deliveries: FakeDeliveryQueue, free_user: SignedIn
) -> None:
    headers = free_user.headers | {"Idempotency-Key": "once"}

    first, second = (call("POST", f"{ENDPOINTS}{endpoint.id}/test/", headers=headers) for _ in range(2))

    assert first == second
    assert len(deliveries.messages) == 1


def test_a_delivery_is_repeated_with_the_same_id(
    call: Call, rows: Session, endpoint: OutgoingEndpoint, deliveries: FakeDeliveryQueue
) -> None:
    attempt = {"at": "2026-11-28T12:00:00Z", "status": 500, "duration_ms": 12, "error": "the endpoint answered 500"}
    failed = create_delivery(rows, endpoint, state="FAILED", attempts=10, attempts_left=0, attempt_log=[attempt])
    rows.commit()

    status, delivery = call("POST", f"{ENDPOINTS}{endpoint.id}/deliveries/{failed.id}/redeliver/")

    assert (status, delivery["id"], delivery["state"]) == (202, str(failed.id), "PENDING")
    assert delivery["attempt_log"] == [attempt]
    assert deliveries.messages == [(failed.id, 0)]


def test_an_endpoint_is_deleted_with_its_deliveries(call: Call, rows: Session, endpoint: OutgoingEndpoint) -> None:
    delivery = create_delivery(rows, endpoint)
    rows.commit()

    assert call("DELETE", f"{ENDPOINTS}{endpoint.id}/") == (204, None)
    assert call("DELETE", f"{ENDPOINTS}{endpoint.id}/")[0] == 404
    assert rows.scalars(select(OutgoingDelivery.id).where(OutgoingDelivery.id == delivery.id)).all() == []


def test_endpoints_and_deliveries_of_another_user_do_not_exist(
    call: Call, rows: Session, endpoint: OutgoingEndpoint, sign_in: Callable[..., SignedIn]
) -> None:
    delivery = create_delivery(rows, endpoint)
    own = create_endpoint(rows, (other := sign_in()).user)
    rows.commit()
    path = f"{ENDPOINTS}{endpoint.id}/"

    answers = [
        call("PATCH", path, headers=other.headers, is_enabled=False),
        call("DELETE", path, headers=other.headers),
        call("POST", f"{path}secret/", headers=other.headers),
        call("POST", f"{path}test/", headers=other.headers),
        call("GET", f"{path}deliveries/", headers=other.headers),
        call("POST", f"{path}deliveries/{delivery.id}/redeliver/", headers=other.headers),
        call("POST", f"{ENDPOINTS}{own.id}/deliveries/{delivery.id}/redeliver/", headers=other.headers),
    ]

    assert [status for status, _ in answers] == [404] * 7
    assert {answer["code"] for _, answer in answers[:6]} == {"webhook_endpoint_not_found"}
    assert answers[6][1]["code"] == "webhook_delivery_not_found"
    assert call("GET", ENDPOINTS, headers=other.headers)[1]["count"] == 1


def test_calls_that_reach_another_host_are_limited(call: Call, rows: Session, free_user: SignedIn) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    hits = [datetime.now(UTC)] * WEBHOOKS_RATE.limit
    scope, subject = WEBHOOKS_RATE.scope, str(free_user.user.id)
    rows.add(RateWindow(scope=scope, subject=subject, hits=hits, was_allowed=True, expires_at=later))
    rows.commit()

    status, refusal = call("POST", ENDPOINTS, url=URL)

    assert (status, refusal["code"]) == (429, "rate_limited")


def test_pages_of_deliveries_link_to_each_other(call: Call, rows: Session, endpoint: OutgoingEndpoint) -> None:
    for _ in range(21):
        create_delivery(rows, endpoint)
    rows.commit()

    _, first = call("GET", f"{ENDPOINTS}{endpoint.id}/deliveries/")

    assert (first["count"], len(first["results"])) == (21, 20)
    assert first["next"] == f"{BASE_URL}{ENDPOINTS}{endpoint.id}/deliveries/?page=2"


def test_the_secret_is_in_no_log(
    call: Call, logged: Callable[[], list[dict[str, Any]]], endpoint: OutgoingEndpoint
) -> None:
    _, created = call("POST", ENDPOINTS, url=URL)
    _, rotated = call("POST", f"{ENDPOINTS}{endpoint.id}/secret/")

    lines = str(logged())
    assert created["secret"] not in lines
    assert rotated["secret"] not in lines
