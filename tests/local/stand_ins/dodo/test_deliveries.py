"""The sender of webhooks: what arrives, how often, in which order and with which signatures."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business.books import PRO_PRODUCT
from local.stand_ins.dodo.webhooks import WEBHOOK_SECRET
from tests.fixtures.stand_ins import StandInsClient


class Receiver:
    """A server that keeps what it gets, and refuses the first deliveries as often as told."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, dict[str, str]]] = []
        self.refusals = 0
        self._lock = Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._lock:
                    receiver.received.append((body, {name.lower(): value for name, value in self.headers.items()}))
                    refuses = receiver.refusals > 0
                    receiver.refusals -= refuses
                self.send_response(500 if refuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.received]


@pytest.fixture
def receiver(stand_ins: StandInsClient) -> Iterator[Receiver]:
    receiver = Receiver()
    thread = Thread(target=receiver.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    stand_ins.control("dodo/webhooks", {"url": receiver.url})
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


def subscribe(stand_ins: StandInsClient) -> str:
    body = {"product_cart": [{"product_id": PRO_PRODUCT, "quantity": 1}], "customer": {"email": "mara@example.com"}}
    answer = stand_ins.http.post("/dodo/checkouts", json=body, headers={"Authorization": f"Bearer {API_KEY}"})
    session_id = answer.raise_for_status().json()["session_id"]
    subscription_id: str = stand_ins.control(f"dodo/checkouts/{session_id}/pay", {"outcome": "succeeded"})[
        "subscription_id"
    ]
    return subscription_id


_FIRST_TYPES = ["payment.succeeded", "subscription.active", "subscription.updated"]


def test_every_event_arrives_signed(stand_ins: StandInsClient, receiver: Receiver) -> None:
    subscribe(stand_ins)
    stand_ins.control("dodo/webhooks/idle")

    assert sorted(receiver.types()) == _FIRST_TYPES
    for body, headers in receiver.received:
        Webhook(WEBHOOK_SECRET).verify(body, headers)


def test_a_refused_event_is_sent_again_with_the_same_id(stand_ins: StandInsClient, receiver: Receiver) -> None:
    receiver.refusals = 3
    subscribe(stand_ins)
    stand_ins.control("dodo/webhooks/idle")

    ids = [headers["webhook-id"] for _, headers in receiver.received]
    assert (len(ids), len(set(ids))) == (6, 3)


def test_copies_arrive_with_one_id(stand_ins: StandInsClient, receiver: Receiver) -> None:
    stand_ins.control("dodo/webhooks", {"copies": 4})
    subscribe(stand_ins)
    stand_ins.control("dodo/webhooks/idle")

    ids = [headers["webhook-id"] for _, headers in receiver.received]
    assert (len(ids), len(set(ids))) == (12, 3)


def test_held_events_arrive_when_they_are_released(stand_ins: StandInsClient, receiver: Receiver) -> None:
    stand_ins.control("dodo/webhooks", {"is_held": True})
    subscribe(stand_ins)
    assert receiver.received == []

    assert stand_ins.control("dodo/webhooks/release") == {"sent": 3}
    assert receiver.types() == _FIRST_TYPES


def test_a_rotation_signs_with_both_secrets(stand_ins: StandInsClient, receiver: Receiver) -> None:
    new = "whsec_bmV3IHNlY3JldA=="
    stand_ins.control("dodo/webhooks", {"secrets": [WEBHOOK_SECRET, new]})
    subscribe(stand_ins)
    stand_ins.control("dodo/webhooks/idle")

    for body, headers in receiver.received:
        for secret in (WEBHOOK_SECRET, new):
            Webhook(secret).verify(body, headers)


def test_a_repeated_delivery_can_carry_the_latest_state(stand_ins: StandInsClient, receiver: Receiver) -> None:
    stand_ins.control("dodo/webhooks", {"retries_carry_the_latest_state": True})
    receiver.refusals = 6
    subscription_id = subscribe(stand_ins)
    headers = {"Authorization": f"Bearer {API_KEY}"}
    stand_ins.http.patch(f"/dodo/subscriptions/{subscription_id}", json={"status": "cancelled"}, headers=headers)
    stand_ins.control("dodo/webhooks/idle")

    active = [json.loads(body) for body, _ in receiver.received if b'"subscription.active"' in body]
    assert [event["data"]["status"] for event in (active[0], active[-1])] == ["active", "cancelled"]


@pytest.mark.parametrize("tampering", ["body", "signature", "secret"])
def test_a_sample_can_be_tampered_with(stand_ins: StandInsClient, receiver: Receiver, tampering: str) -> None:
    sent = stand_ins.control("dodo/webhooks/sample", {"type": "payment.failed", "tampering": tampering, "copies": 2})

    assert sent["statuses"] == [200, 200]
    body, headers = receiver.received[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(WEBHOOK_SECRET).verify(body, headers)


def test_a_sample_can_be_old(stand_ins: StandInsClient, receiver: Receiver) -> None:
    stand_ins.control("dodo/webhooks/sample", {"type": "subscription.canceled", "age_s": 301})

    ((body, headers),) = receiver.received
    assert receiver.types() == ["subscription.canceled"]
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(WEBHOOK_SECRET).verify(body, headers)


def test_the_objects_of_a_sample_exist_afterwards(stand_ins: StandInsClient, receiver: Receiver) -> None:
    stand_ins.control("dodo/webhooks/sample", {"type": "subscription.on_hold", "email": "ann@example.com"})

    data = json.loads(receiver.received[0][0])["data"]
    answer = stand_ins.http.get(
        f"/dodo/subscriptions/{data['subscription_id']}", headers={"Authorization": f"Bearer {API_KEY}"}
    )
    assert (answer.json()["status"], answer.json()["customer"]["email"]) == ("on_hold", "ann@example.com")


def test_the_clock_moves_and_charges_what_falls_due(stand_ins: StandInsClient, receiver: Receiver) -> None:
    subscription_id = subscribe(stand_ins)
    stand_ins.control("dodo/clock", {"to_next_billing_of": subscription_id})
    stand_ins.control("dodo/webhooks/idle")

    assert receiver.types().count("subscription.renewed") == 1
    payments = stand_ins.http.get("/__control/dodo/state").json()["payments"].values()
    assert [payment["charge_type"] for payment in payments] == ["new", "renewal"]
