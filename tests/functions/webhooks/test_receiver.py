"""The webhook receiver: which requests it rejects, what it saves, and when it acknowledges a webhook with 200."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.webhooks.gateway import GatewayRequest
from functions.webhooks.settings import WebhooksSettings
from local.stand_ins.clerk.webhooks import event_of, headers_of, new_event_id
from tests.fakes.written_metrics import Value, metrics_in
from tests.functions.webhooks.conftest import PATH, USER_ID, Webhooks, user_data
from whyviral.core.security_headers import SECURITY_HEADERS
from whyviral.core.settings import SettingsError
from whyviral.integrations.signed_webhooks import verified_event_id
from whyviral.webhooks.models import WebhookEvent

BODY = json.dumps(event_of("user.created", user_data())).encode()
OTHER_SECRET = "whsec_b3RoZXI="
OLD_SIGNATURE = headers_of(BODY, event_id="msg_1", secret=OTHER_SECRET)["svix-signature"]


def signed(**changes: str) -> dict[str, str]:
    return headers_of(BODY, event_id="msg_1") | changes


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in signed().items() if key != name}


def test_a_signed_event_is_saved_and_queued(webhooks: Webhooks) -> None:
    answer = webhooks.send_request(BODY, headers_of(BODY, event_id="msg_1"))

    assert answer == (200, {"received": True})
    (event,) = webhooks.rows(WebhookEvent)
    assert (event.provider, event.event_id, event.type, event.subject_id, event.state, event.attempts) == (
        "clerk",
        "msg_1",
        "user.created",
        USER_ID,
        "RECEIVED",
        0,
    )
    assert event.payload == json.loads(BODY)
    assert webhooks.queue.events == [event.id]


@pytest.mark.parametrize("path", ["/api/accounts/webhook/clerk", "/api/accounts/webhook/clerk/"])
@pytest.mark.parametrize("is_base64", [True, False])
def test_trailing_slash_and_base64_body_are_both_accepted(webhooks: Webhooks, path: str, is_base64: bool) -> None:
    headers = {name.title(): value for name, value in signed().items()}

    assert webhooks.send_request(BODY, headers, path=path, is_base64=is_base64)[0] == 200


@pytest.mark.parametrize(
    "junk",
    [
        *("v1a,c2ln", "junk", "v1", "v1,", "v1,!!!", "v1,abc", "v1,ä", "v1,a,b", ",", " ", "v2,c2ln"),
        pytest.param(OLD_SIGNATURE, id="the signature of another secret"),
    ],
)
def test_one_valid_signature_among_others_is_enough(webhooks: Webhooks, junk: str) -> None:
    headers = signed()
    good = headers["svix-signature"]

    assert webhooks.send_request(BODY, headers | {"svix-signature": f"{junk} {good}"})[0] == 200
    assert webhooks.send_request(BODY, headers | {"svix-signature": f"{good} {junk}"})[0] == 200


def test_an_event_id_with_a_dot_cannot_shift_text_between_id_and_body(webhooks: Webhooks) -> None:
    moment = int(time.time())
    moved = f"{moment}.".encode() + BODY  # its signature for msg_1 would also fit BODY for the id msg_1.<moment>
    headers = headers_of(moved, event_id="msg_1", at_s=moment) | {"svix-id": f"msg_1.{moment}"}

    assert webhooks.send_request(BODY, headers)[0] == 401
    assert webhooks.rows(WebhookEvent) == []


UNSIGNED: dict[str, Callable[[], dict[str, str]]] = {
    "nothing": dict,
    "no id": lambda: without("svix-id"),
    "no timestamp": lambda: without("svix-timestamp"),
    "no signature": lambda: without("svix-signature"),
    "another id": lambda: signed(**{"svix-id": "msg_2"}),
    "a long id": lambda: signed(**{"svix-id": "m" * 300}),
    "an id of two lines": lambda: signed(**{"svix-id": "msg 1\n"}),
    "a timestamp in words": lambda: signed(**{"svix-timestamp": "soon"}),
    "a timestamp that is no number": lambda: signed(**{"svix-timestamp": "nan"}),
    "an endless timestamp": lambda: signed(**{"svix-timestamp": "9" * 400}),
    "no comma": lambda: signed(**{"svix-signature": "v1"}),
    "not ASCII": lambda: signed(**{"svix-signature": "v1,ä"}),
    "not base64": lambda: signed(**{"svix-signature": "v1,!!!"}),
    "an empty signature": lambda: signed(**{"svix-signature": "v1,"}),
    "another version": lambda: signed(**{"svix-signature": signed()["svix-signature"].replace("v1,", "v2,")}),
    "another secret": lambda: headers_of(BODY, event_id="msg_1", secret=OTHER_SECRET),
    "too old": lambda: headers_of(BODY, event_id="msg_1", at_s=int(time.time()) - 310),
    "too new": lambda: headers_of(BODY, event_id="msg_1", at_s=int(time.time()) + 330),
    "the names of others": lambda: {name.replace("svix", "webhook"): value for name, value in signed().items()},
}
"""Callables, because the timestamps must be current when the test runs, not when this file is imported."""


@pytest.mark.parametrize("name", UNSIGNED)
def test_a_webhook_without_a_recent_valid_signature_is_rejected(webhooks: Webhooks, name: str) -> None:
    status, answer = webhooks.send_request(BODY, UNSIGNED[name]())

    assert (status, answer) == (
        401,
        {
            "error": "The signature is missing, wrong or too old.",
            "code": "invalid_signature",
            "request_id": "request-1",
        },
    )
    assert webhooks.rows(WebhookEvent) == []


@pytest.mark.parametrize(
    "tampered",
    [BODY + b" ", BODY.replace(b"Ada", b"Eve"), json.dumps(json.loads(BODY), indent=1).encode(), b"", b"\xff"],
)
def test_a_body_that_differs_from_the_signed_one_is_rejected(webhooks: Webhooks, tampered: bytes) -> None:
    assert webhooks.send_request(tampered, signed(), is_base64=True)[0] == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"type": 5, "data": {}}',
        b'{"type": "user.created"}',
        b'{"type": "user.created", "data": []}',
        b'{"type": "' + b"u" * 200 + b'", "data": {}}',
        b"[" * 100_000,
    ],
    ids=lambda body: body[:30].decode(),
)
def test_a_signed_body_that_is_not_an_event_is_rejected(webhooks: Webhooks, body: bytes) -> None:
    status, answer = webhooks.send_request(body, headers_of(body, event_id="msg_1"))

    assert (status, answer["code"]) == (400, "unreadable_event")
    assert webhooks.rows(WebhookEvent) == []


def test_a_body_over_256_kib_is_rejected(webhooks: Webhooks) -> None:
    largest, over = (b" " * (256 * 1024 - len(BODY) + more) + BODY for more in (0, 1))

    statuses = [webhooks.send_request(body, headers_of(body, event_id="msg_1"))[0] for body in (largest, over)]

    assert statuses == [200, 413]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"httpMethod": "GET"}, 405, "method_not_allowed"),
        ({"path": "/api/accounts/webhook/"}, 404, "not_found"),
        ({"path": "/api/accounts/webhook/stripe/"}, 404, "not_found"),
        ({"path": "/api/accounts/webhook/clerk/more/"}, 404, "not_found"),
    ],
)
def test_other_paths_and_methods_are_rejected(
    webhooks: Webhooks, change: dict[str, Any], status: int, code: str
) -> None:
    answer = webhooks.send_request(BODY, signed(), **change)

    assert (answer[0], answer[1]["code"]) == (status, code)


def test_a_body_with_invalid_base64_is_rejected(webhooks: Webhooks) -> None:
    event = {"httpMethod": "POST", "path": PATH, "headers": signed(), "body": "not base64!", "isBase64Encoded": True}

    status, answer = webhooks.send_proxy_event(event)

    assert (status, answer["code"]) == (400, "invalid_body")


def test_an_event_of_an_unhandled_type_is_recorded_without_its_payload(webhooks: Webhooks) -> None:
    status = webhooks.deliver("email.created", {"id": "ema_1", "body": "Your code is 123456"})

    assert status == 200
    (event,) = webhooks.rows(WebhookEvent)
    assert (event.type, event.state, event.payload) == ("email.created", "IGNORED", None)
    assert webhooks.queue.events == []


def test_a_duplicate_event_is_saved_and_processed_once(webhooks: Webhooks) -> None:
    statuses = [webhooks.deliver("user.created", user_data(), event_id="msg_1") for _ in range(3)]
    queued = len(webhooks.queue.events)
    webhooks.process_queue()
    after = webhooks.deliver("user.created", user_data(), event_id="msg_1")

    assert (statuses, queued, after) == ([200] * 3, 3, 200)
    assert webhooks.queue.events == []
    (event,) = webhooks.rows(WebhookEvent)
    assert (event.state, event.attempts) == ("PROCESSED", 1)


def test_a_redelivery_queues_an_event_that_could_not_be_queued_before(webhooks: Webhooks) -> None:
    webhooks.queue.is_down = True
    crashed = webhooks.deliver("user.created", user_data(), event_id="msg_1")
    states_after_crash = webhooks.states()
    webhooks.queue.is_down = False

    again = webhooks.deliver("user.created", user_data(), event_id="msg_1")
    webhooks.process_queue()

    assert (crashed, states_after_crash, again) == (503, [("user.created", "RECEIVED")], 200)
    assert webhooks.states() == [("user.created", "PROCESSED")]


def test_concurrent_deliveries_of_one_event_save_one_row(webhooks: Webhooks) -> None:
    event_id = new_event_id()

    with ThreadPoolExecutor(8) as threads:
        statuses = list(
            threads.map(lambda _: webhooks.deliver("user.created", user_data(), event_id=event_id), range(24))
        )

    assert statuses == [200] * 24
    assert webhooks.states() == [("user.created", "RECEIVED")]
    assert len(webhooks.queue.events) == 24


@pytest.mark.parametrize("secret", ["", "whsec_", "ZXhhbXBsZQ==", "whsec_not base64", "whsec_!"])
def test_an_invalid_signing_secret_is_a_startup_error(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("WEBHOOK_QUEUE_URL", "https://sqs.example/queue")
    monkeypatch.setenv("CLERK_WEBHOOK_SECRET", secret)
    monkeypatch.setenv("DODO_WEBHOOK_SECRET", "whsec_ZXhhbXBsZQ==")
    monkeypatch.setenv("DODO_API_KEY", "example")
    monkeypatch.setenv("DODO_MODE", "test")

    with pytest.raises(SettingsError) as error:
        WebhooksSettings.load()

    problem = "not a signing secret: whsec_ and base64, as the sender's dashboard shows it"
    assert str(error.value).endswith(f"CLERK_WEBHOOK_SECRET: {problem if secret else 'Field required'}")


@pytest.mark.parametrize("secret", ["whsec_ZXhhbXBsZQ==", "whsec_ZXhhbXBsZQ", " whsec_ZXhhbXBsZQ\n"])
def test_a_signing_secret_may_lack_padding_and_have_surrounding_whitespace(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("WEBHOOK_QUEUE_URL", "https://sqs.example/queue")
    monkeypatch.setenv("CLERK_WEBHOOK_SECRET", secret)
    monkeypatch.setenv("DODO_WEBHOOK_SECRET", "whsec_ZXhhbXBsZQ==")
    monkeypatch.setenv("DODO_API_KEY", "example")
    monkeypatch.setenv("DODO_MODE", "test")
    headers = headers_of(BODY, event_id="msg_1", secret="whsec_ZXhhbXBsZQ==")

    loaded = WebhooksSettings.load().clerk_webhook_secret.get_secret_value()

    assert verified_event_id(loaded, headers=headers, body=BODY, prefix="svix") == "msg_1"


def test_every_response_has_the_security_headers(webhooks: Webhooks) -> None:
    context = {"requestContext": {"requestId": "request-1"}, "body": BODY.decode()}
    signed_post = {"httpMethod": "POST", "path": PATH, "headers": signed()} | context
    for event in (signed_post, signed_post | {"headers": {}}, signed_post | {"path": "/nothing"}):
        answer = webhooks.receiver.receive(GatewayRequest.model_validate(event))

        assert SECURITY_HEADERS.items() <= answer["headers"].items()


def test_a_refused_signature_is_counted_by_its_sender(webhooks: Webhooks, capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = webhooks.send_request(BODY, signed(**{"svix-signature": OLD_SIGNATURE}))

    assert status == 401
    assert metrics_in(capsys.readouterr().out) == [Value("WebhookSignatureFailures", 1, (("Sender", "clerk"),))]
