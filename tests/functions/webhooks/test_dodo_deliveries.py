"""Dodo's webhooks at the receiver: what the official package signs is stored, and everything else is refused."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from local.stand_ins.clerk.webhooks import WEBHOOK_SECRET as CLERK_SECRET
from local.stand_ins.dodo.samples import EVENT_TYPES, Buyer, sample
from local.stand_ins.dodo.webhooks import body_of, headers_of
from tests.functions.webhooks.conftest import DODO_SECRET, Webhooks
from whyviral.webhooks.models import WebhookEvent

PATH = "/api/billing/webhook/dodo/"
_NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
_EVENT, _ = sample("subscription.active", Buyer(name="Mára Lind"), now=_NOW)
DOCUMENT = _EVENT.as_json()
BODY = body_of(DOCUMENT)
MAX_BODY_BYTES = 256 * 1024

type Delivery = tuple[bytes, Mapping[str, str]]
type Change = Callable[[dict[str, str]], Mapping[str, str]]


def signed(body: bytes = BODY, *, age_s: int = 0, secret: str = DODO_SECRET, event_id: str = "evt_1") -> dict[str, str]:
    return headers_of(body, event_id=event_id, at_s=int(time.time()) - age_s, secrets=(secret,))


def with_headers(change: Change) -> Callable[[], Delivery]:
    return lambda: (BODY, change(signed()))


def with_body(body: bytes) -> Callable[[], Delivery]:
    """Send another body than the one that was signed."""
    return lambda: (body, signed())


def signed_body(body: bytes) -> Callable[[], Delivery]:
    """Send a body that is signed as it is."""
    return lambda: (body, signed(body))


def without(*names: str) -> Change:
    return lambda headers: {name: value for name, value in headers.items() if name not in names}


def replaced(name: str, value: str) -> Change:
    return lambda headers: headers | {name: value}


def signature(edit: Callable[[str], str]) -> Change:
    return lambda headers: headers | {"webhook-signature": edit(headers["webhook-signature"])}


def as_json(value: Any, **options: Any) -> bytes:
    return json.dumps(value, **options).encode()


_OTHER = "v1," + base64.b64encode(b"another signature of 32 bytes...").decode()
_FORGED: dict[str, Callable[[], Delivery]] = {
    "one byte changed": with_body(BODY.replace(b"active", b"actjve", 1)),
    "one byte added": with_body(BODY + b" "),
    "one byte missing": with_body(BODY[:-1]),
    "serialised again with spaces": with_body(as_json(DOCUMENT)),
    "serialised again with sorted keys": with_body(as_json(DOCUMENT, sort_keys=True, separators=(",", ":"))),
    "serialised again without escapes": with_body(as_json(DOCUMENT, ensure_ascii=False, separators=(",", ":"))),
    "indented": with_body(as_json(DOCUMENT, indent=2)),
    "empty body": with_body(b""),
    "five minutes and ten seconds old": lambda: (BODY, signed(age_s=310)),
    "a day old": lambda: (BODY, signed(age_s=86_400)),
    "five minutes and ten seconds in the future": lambda: (BODY, signed(age_s=-310)),
    "a year in the future": lambda: (BODY, signed(age_s=-31_536_000)),
    "time zero": lambda: (BODY, headers_of(BODY, event_id="evt_1", at_s=0, secrets=(DODO_SECRET,))),
    "a time that is later than the signed one": with_headers(
        lambda headers: headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    ),
    "a time in words": with_headers(replaced("webhook-timestamp", "now")),
    "an empty time": with_headers(replaced("webhook-timestamp", "")),
    "a time with decimals": with_headers(lambda headers: headers | {"webhook-timestamp": f"{time.time():.3f}"}),
    "an infinite time": with_headers(replaced("webhook-timestamp", "inf")),
    "a time beyond the calendar": with_headers(replaced("webhook-timestamp", "9" * 30)),
    "another secret": lambda: (BODY, signed(secret="whsec_b3RoZXI=")),
    "the secret of another sender": lambda: (BODY, signed(secret=CLERK_SECRET)),
    "no id": with_headers(without("webhook-id")),
    "no time": with_headers(without("webhook-timestamp")),
    "no signature": with_headers(without("webhook-signature")),
    "no headers at all": with_headers(lambda _headers: {}),
    "the header names of another sender": with_headers(
        lambda headers: {name.replace("webhook-", "svix-"): value for name, value in headers.items()}
    ),
    "another id": with_headers(replaced("webhook-id", "evt_2")),
    "an id with a dot": lambda: (BODY, signed(event_id="evt.1")),
    "an id of 256 characters": lambda: (BODY, signed(event_id="e" * 256)),
    "an empty signature": with_headers(replaced("webhook-signature", "")),
    "a signature without a version": with_headers(signature(lambda text: text.removeprefix("v1,"))),
    "a signature of another version": with_headers(signature(lambda text: text.replace("v1,", "v2,"))),
    "a version in capitals": with_headers(signature(lambda text: text.replace("v1,", "V1,"))),
    "a signature that is not base64": with_headers(replaced("webhook-signature", "v1,!!!")),
    "half a signature": with_headers(signature(lambda text: text[:20])),
    "a signature in hexadecimal": with_headers(
        signature(lambda text: "v1," + base64.b64decode(text.removeprefix("v1,")).hex())
    ),
    "several signatures, all wrong": with_headers(replaced("webhook-signature", f"{_OTHER} {_OTHER} {_OTHER}")),
    "several signatures without spaces": with_headers(signature(lambda text: f"{_OTHER}{text}")),
    "a body that is not UTF-8": signed_body(b'{"type": "subscription.active", "data": "\xff\xfe"}'),
    "an unsigned body that is not UTF-8": with_body(b"\xff\xfe\x00"),
    "an unsigned body of 255 KiB": with_body(b'{"pad": "' + b"x" * (255 * 1024) + b'"}'),
}
_NOT_AN_EVENT: dict[str, Callable[[], Delivery]] = {
    "nothing": signed_body(b""),
    "not JSON": signed_body(b"type=subscription.active"),
    "half of the JSON": signed_body(BODY[: len(BODY) // 2]),
    "a list": signed_body(as_json([DOCUMENT])),
    "a text": signed_body(b'"subscription.active"'),
    "null": signed_body(b"null"),
    "no type": signed_body(as_json({name: value for name, value in DOCUMENT.items() if name != "type"})),
    "a type that is a number": signed_body(as_json(DOCUMENT | {"type": 7})),
    "a type with spaces": signed_body(as_json(DOCUMENT | {"type": "subscription active"})),
    "no time": signed_body(as_json({name: value for name, value in DOCUMENT.items() if name != "timestamp"})),
    "a time without a zone": signed_body(as_json(DOCUMENT | {"timestamp": "2026-11-20T09:15:04"})),
    "no data": signed_body(as_json({name: value for name, value in DOCUMENT.items() if name != "data"})),
    "data that is a list": signed_body(as_json(DOCUMENT | {"data": [DOCUMENT["data"]]})),
    "nested a thousand times": signed_body(b'{"data":' * 1_000 + b"1" + b"}" * 1_000),
    "a link of the other mode": signed_body(
        as_json(DOCUMENT | {"data": DOCUMENT["data"] | {"payment_link": "https://checkout.dodopayments.com/x"}})
    ),
}


def deliver(webhooks: Webhooks, body: bytes, headers: Mapping[str, str]) -> int:
    """Send a delivery as API Gateway passes it on, which encodes what may be binary."""
    return webhooks.send_request(body, headers, is_base64=True, path=PATH)[0]


@pytest.mark.parametrize("name", _FORGED)
def test_a_delivery_that_dodo_did_not_sign_now_is_refused(webhooks: Webhooks, name: str) -> None:
    assert deliver(webhooks, *_FORGED[name]()) == 401
    assert (webhooks.rows(WebhookEvent), webhooks.queue.events) == ([], [])


@pytest.mark.parametrize("name", _NOT_AN_EVENT)
def test_a_signed_body_that_is_no_event_of_ours_is_refused(webhooks: Webhooks, name: str) -> None:
    assert deliver(webhooks, *_NOT_AN_EVENT[name]()) == 400
    assert (webhooks.rows(WebhookEvent), webhooks.queue.events) == ([], [])


@pytest.mark.parametrize("text", ["not base64!", "ÿ", "YQ"], ids=["letters", "accent", "padding"])
def test_a_body_that_the_gateway_encoded_wrongly_is_refused(webhooks: Webhooks, text: str) -> None:
    event = {"httpMethod": "POST", "path": PATH, "headers": signed(), "body": text, "isBase64Encoded": True}

    assert webhooks.send_proxy_event(event)[0] == 400
    assert webhooks.rows(WebhookEvent) == []


def test_a_body_beyond_any_event_is_refused_before_it_is_read(webhooks: Webhooks) -> None:
    body = b" " * (MAX_BODY_BYTES + 1)

    assert deliver(webhooks, body, signed(body)) == 413
    assert webhooks.rows(WebhookEvent) == []


@pytest.mark.parametrize("is_base64", [True, False], ids=["base64", "text"])
def test_what_the_official_package_signs_is_stored(webhooks: Webhooks, is_base64: bool) -> None:
    now = datetime.now(UTC)
    made = Webhook(DODO_SECRET).sign("evt_official", now, BODY.decode())
    headers = {
        "Webhook-Id": "evt_official",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": f"{_OTHER} {made}",
    }

    assert webhooks.send_request(BODY, headers, is_base64=is_base64, path=PATH) == (200, {"received": True})
    (event,) = webhooks.rows(WebhookEvent)
    assert (event.provider, event.event_id, event.type) == ("dodo", "evt_official", "subscription.active")
    assert (event.subject_id, event.payload) == (DOCUMENT["data"]["subscription_id"], DOCUMENT)


@pytest.mark.parametrize("event_type", [*EVENT_TYPES, "subscription.canceled", "subscription.invented", "new.thing"])
def test_every_type_is_stored_once(webhooks: Webhooks, event_type: str) -> None:
    event, _ = sample(event_type, Buyer(), now=_NOW)
    body = body_of(event.as_json())

    assert [deliver(webhooks, body, signed(body)) for _ in range(3)] == [200, 200, 200]
    (stored,) = webhooks.rows(WebhookEvent)
    assert stored.type == event_type.replace("canceled", "cancelled")


def test_a_rotated_secret_is_accepted_beside_the_old_one(webhooks: Webhooks) -> None:
    headers = headers_of(BODY, event_id="evt_1", secrets=("whsec_b2xk", DODO_SECRET))

    assert deliver(webhooks, BODY, headers) == 200
