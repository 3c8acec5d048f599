"""Verification codes, tickets and webhooks of Clerk's stand-in."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from local.stand_ins.clerk.webhooks import WEBHOOK_SECRET
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from tests.local.stand_ins.clerk.test_routes import backend, code_of


@pytest.fixture
def email() -> str:
    return f"flow{time.monotonic_ns()}@example.com"


def address_of(stand_ins: StandInsClient, email: str) -> str:
    return f"/email_addresses/{stand_ins.clerk_user(email)['email_addresses'][0]['id']}"


def prepare(stand_ins: StandInsClient, address: str) -> str:
    verification_id: str = backend(stand_ins, "POST", f"{address}/prepare_verification").json()["id"]
    return verification_id


def attempt(stand_ins: StandInsClient, address: str, verification_id: str, code: str) -> httpx.Response:
    body = {"verification_id": verification_id, "code": code}
    return backend(stand_ins, "POST", f"{address}/attempt_verification", body)


def test_a_test_address_gets_the_code_that_clerk_documents(stand_ins: StandInsClient) -> None:
    email = f"flow{time.monotonic_ns()}+clerk_test@example.com"
    address = address_of(stand_ins, email)

    verification_id = prepare(stand_ins, address)

    assert attempt(stand_ins, address, verification_id, "424242").json()["status"] == "verified"


def test_after_three_wrong_codes_the_right_one_is_refused(stand_ins: StandInsClient, email: str) -> None:
    address = address_of(stand_ins, email)
    verification_id = prepare(stand_ins, address)
    code = stand_ins.outbox()[-1]["code"]
    wrong = "000000" if code != "000000" else "111111"

    statuses = [attempt(stand_ins, address, verification_id, each).json()["status"] for each in [wrong] * 3 + [code]]

    assert statuses == ["unverified", "unverified", "failed", "failed"]


def test_a_new_code_replaces_the_old_one_and_must_wait(stand_ins: StandInsClient, email: str) -> None:
    address = address_of(stand_ins, email)
    first = prepare(stand_ins, address)
    too_soon = backend(stand_ins, "POST", f"{address}/prepare_verification")
    stand_ins.control("clerk/instance", {"forget_pauses": True})
    prepare(stand_ins, address)

    old = attempt(stand_ins, address, first, stand_ins.outbox()[0]["code"]).json()["status"]

    assert code_of(too_soon) == (429, "verification_code_too_many_requests")
    assert 0 < int(too_soon.headers["Retry-After"]) <= 30
    assert old == "expired"


def test_a_code_belongs_to_its_address(stand_ins: StandInsClient, email: str) -> None:
    verification_id = prepare(stand_ins, address_of(stand_ins, email))

    reply = attempt(stand_ins, address_of(stand_ins, f"other-{email}"), verification_id, "123456")

    assert code_of(reply) == (404, "resource_not_found")


def test_deleting_a_user_ends_all_of_the_users_sessions(stand_ins: StandInsClient, email: str) -> None:
    session = stand_ins.token(email)

    backend(stand_ins, "DELETE", f"/users/{session['user_id']}")

    assert backend(stand_ins, "GET", f"/users/{session['user_id']}").status_code == 404
    assert backend(stand_ins, "GET", f"/sessions/{session['session_id']}").json()["status"] == "revoked"


@pytest.mark.parametrize("body", [{"public_metadata": {}}, {"password": "short"}, {"password": "password1"}])
def test_a_bad_change_is_refused(stand_ins: StandInsClient, email: str, body: dict[str, Any]) -> None:
    user_id = stand_ins.clerk_user(email)["id"]

    assert backend(stand_ins, "PATCH", f"/users/{user_id}", body).status_code == 422


def test_a_backend_cannot_create_sessions_on_a_production_instance(stand_ins: StandInsClient, email: str) -> None:
    user_id = stand_ins.clerk_user(email)["id"]
    stand_ins.control("clerk/instance", {"is_production": True})

    assert backend(stand_ins, "POST", "/sessions", {"user_id": user_id}).status_code == 403


@pytest.mark.parametrize("spoil", ["revoked", "expired", "invented"])
def test_an_invalid_ticket_creates_no_session(stand_ins: StandInsClient, email: str, spoil: str) -> None:
    user_id = stand_ins.clerk_user(email)["id"]
    ticket = backend(stand_ins, "POST", "/sign_in_tokens", {"user_id": user_id, "expires_in_seconds": 1}).json()
    match spoil:
        case "revoked":
            backend(stand_ins, "POST", f"/sign_in_tokens/{ticket['id']}/revoke")
        case "expired":
            time.sleep(1.05)
        case "invented":
            ticket["token"] = "invented"

    reply = stand_ins.http.post("/clerk/v1/client/sign_ins", data={"strategy": "ticket", "ticket": ticket["token"]})

    assert reply.status_code == 400


def test_only_the_client_that_signed_in_gets_tokens(stand_ins: StandInsClient, email: str) -> None:
    session_id = stand_ins.token(email)["session_id"]

    reply = httpx.post(f"{stand_ins.base_url}/clerk/v1/client/sessions/{session_id}/tokens")

    assert code_of(reply) == (401, "authentication_invalid")


@pytest.fixture
def receiver() -> Iterator[tuple[str, Queue[tuple[bytes, dict[str, str]]], list[int]]]:
    """A webhook receiver's address, the received requests, and the statuses that it answers before 200."""
    got: Queue[tuple[bytes, dict[str, str]]] = Queue()
    statuses: list[int] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.put((body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(statuses.pop(0) if statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", got, statuses
    server.shutdown()
    thread.join()
    server.server_close()


def test_signed_webhooks_are_sent_until_they_are_accepted(
    stand_ins: StandInsClient, email: str, receiver: tuple[str, Queue[tuple[bytes, dict[str, str]]], list[int]]
) -> None:
    url, got, statuses = receiver
    statuses.append(500)
    stand_ins.control("clerk/instance", {"webhook_url": url})

    user = stand_ins.clerk_user(email)
    deliveries = [got.get(timeout=WAIT_S) for _ in range(2)]

    bodies = {body for body, _ in deliveries}
    assert len(bodies) == 1
    assert len({headers["svix-id"] for _, headers in deliveries}) == 1
    body, headers = deliveries[1]
    named = {f"webhook-{part}": headers[f"svix-{part}"] for part in ("id", "timestamp", "signature")}
    event = Webhook(WEBHOOK_SECRET).verify(body, named)
    assert (event["type"], event["data"]["id"]) == ("user.created", user["id"])
