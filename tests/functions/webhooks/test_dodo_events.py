"""Dodo's webhooks: which deliveries are rejected, what is stored, and how many round trips an answer takes."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import dodopayments
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, make_url
from standardwebhooks.webhooks import Webhook

from functions.webhooks.gateway import GatewayRequest
from functions.webhooks.receiver import Receiver, senders
from local.database import product
from local.database.postgres import Postgres
from local.stand_ins.clerk.webhooks import WEBHOOK_SECRET
from local.stand_ins.dodo.samples import EVENT_TYPES, Buyer, sample
from local.stand_ins.dodo.webhooks import body_of, headers_of
from tests.fakes.event_queue import FakeEventQueue
from tests.fixtures.postgres.counting_proxy import CountingProxy
from tests.functions.webhooks.conftest import DODO_SECRET, Webhooks
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.webhooks.models import WebhookEvent

PATH = "/api/billing/webhook/dodo/"
NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
OTHER_SECRET = "whsec_b3RoZXI="
DOCUMENT = sample("subscription.active", Buyer(), now=NOW)[0].as_json()
BODY = body_of(DOCUMENT)


def signed(body: bytes = BODY, /, **changes: str) -> dict[str, str]:
    return headers_of(body, event_id="evt_1", secrets=(DODO_SECRET,)) | changes


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in signed().items() if key != name}


def send(webhooks: Webhooks, body: bytes, headers: dict[str, str], *, is_base64: bool = True) -> tuple[int, Any]:
    return webhooks.send_request(body, headers, is_base64=is_base64, path=PATH)


def of_live(**changes: Any) -> bytes:
    data = dict(sample("payment.succeeded", Buyer(), now=NOW)[0].as_json()["data"]) | changes
    return body_of(
        {"business_id": "bus_1", "type": "payment.succeeded", "timestamp": "2026-11-20T09:15:00Z", "data": data}
    )


@pytest.mark.parametrize("is_base64", [True, False])
def test_a_signed_event_is_stored_as_sent_and_queued(webhooks: Webhooks, is_base64: bool) -> None:
    assert send(webhooks, BODY, signed(), is_base64=is_base64) == (200, {"received": True})

    (event,) = webhooks.rows(WebhookEvent)
    assert (event.provider, event.event_id, event.type, event.state) == (
        "dodo",
        "evt_1",
        "subscription.active",
        "RECEIVED",
    )
    assert (event.subject_id, event.payload) == (DOCUMENT["data"]["subscription_id"], json.loads(BODY))
    assert webhooks.queue.events == [event.id]


@pytest.mark.parametrize("event_type", [*EVENT_TYPES, "subscription.invented"])
def test_the_official_packages_sign_what_we_accept_and_unwrap(webhooks: Webhooks, event_type: str) -> None:
    body = body_of(sample(event_type, Buyer(), now=NOW)[0].as_json())
    moment = datetime.now(UTC)
    signature = Webhook(DODO_SECRET).sign("evt_2", moment, body.decode())
    headers = {
        "webhook-id": "evt_2",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }

    assert send(webhooks, body, headers)[0] == 200
    unwrapped = dodopayments.DodoPayments(bearer_token="none", webhook_key=DODO_SECRET).webhooks.unwrap(
        body.decode(), headers=headers
    )
    assert [event.type for event in webhooks.rows(WebhookEvent)] == [unwrapped.type]


BAD: dict[str, Callable[[], tuple[bytes, dict[str, str], int]]] = {
    "nothing signed": lambda: (BODY, {}, 401),
    "no id": lambda: (BODY, without("webhook-id"), 401),
    "no timestamp": lambda: (BODY, without("webhook-timestamp"), 401),
    "no signature": lambda: (BODY, without("webhook-signature"), 401),
    "another id": lambda: (BODY, signed(**{"webhook-id": "evt_9"}), 401),
    "an empty id": lambda: (BODY, signed(**{"webhook-id": ""}), 401),
    "a long id": lambda: (BODY, signed(**{"webhook-id": "e" * 300}), 401),
    "an id with a dot": lambda: (BODY, signed(**{"webhook-id": "evt.1"}), 401),
    "an id of two lines": lambda: (BODY, signed(**{"webhook-id": "evt_1\n"}), 401),
    "a timestamp in words": lambda: (BODY, signed(**{"webhook-timestamp": "soon"}), 401),
    "a timestamp that is no number": lambda: (BODY, signed(**{"webhook-timestamp": "nan"}), 401),
    "an infinite timestamp": lambda: (BODY, signed(**{"webhook-timestamp": "inf"}), 401),
    "a negative timestamp": lambda: (BODY, signed(**{"webhook-timestamp": "-1"}), 401),
    "a later timestamp than signed": lambda: (BODY, signed(**{"webhook-timestamp": str(int(time.time()) + 60)}), 401),
    "too old": lambda: (BODY, _signed_at(-310), 401),
    "much too old": lambda: (BODY, _signed_at(-86_400), 401),
    "from the future": lambda: (BODY, _signed_at(330), 401),
    "another secret": lambda: (BODY, headers_of(BODY, event_id="evt_1", secrets=(OTHER_SECRET,)), 401),
    "two wrong secrets": lambda: (BODY, headers_of(BODY, event_id="evt_1", secrets=(OTHER_SECRET, OTHER_SECRET)), 401),
    "another version": lambda: (BODY, _signature(lambda text: text.replace("v1,", "v2,")), 401),
    "no version": lambda: (BODY, _signature(lambda text: text.removeprefix("v1,")), 401),
    "no comma": lambda: (BODY, _signature(lambda text: text.replace(",", "")), 401),
    "half a signature": lambda: (BODY, _signature(lambda text: text[:20]), 401),
    "an empty signature": lambda: (BODY, _signature(lambda _: "v1,"), 401),
    "not base64": lambda: (BODY, _signature(lambda _: "v1,!!!"), 401),
    "a signature that is not ASCII": lambda: (BODY, _signature(lambda _: "v1,ä"), 401),
    "the headers of Clerk": lambda: (
        BODY,
        {key.replace("webhook", "svix"): text for key, text in signed().items()},
        401,
    ),
    "one byte changed": lambda: (BODY.replace(b"active", b"Active", 1), signed(), 401),
    "one space added": lambda: (BODY + b" ", signed(), 401),
    "one byte missing": lambda: (BODY[:-1], signed(), 401),
    "the same JSON in another form": lambda: (json.dumps(DOCUMENT, indent=1).encode(), signed(), 401),
    "an empty body": lambda: (b"", signed(), 401),
    "another body": lambda: (b"{}", signed(), 401),
    "a body that is not UTF-8": lambda: (b"\xff\xfe", signed(b"\xff\xfe"), 401),
    "a signed body that is not JSON": lambda: (b"hello", signed(b"hello"), 400),
    "a signed list": lambda: (b"[]", signed(b"[]"), 400),
    "a signed number without end": lambda: (b"9" * 5_000, signed(b"9" * 5_000), 400),
    "a signed deep document": lambda: (b"[" * 90_000, signed(b"[" * 90_000), 400),
    "a signed event without a type": lambda: _event(type=None),
    "a signed event of a strange type": lambda: _event(type="subscription.active\u0000"),
    "a signed event without a time": lambda: _event(timestamp=None),
    "a signed event of a time without a zone": lambda: _event(timestamp="2026-11-20T09:15:04"),
    "a signed event without data": lambda: _event(data=None),
    "a signed event whose data are a list": lambda: _event(data=[]),
    "a live payment in test mode": lambda: _sent(
        of_live(payment_link="https://checkout.dodopayments.com/session/cks_1")
    ),
    "a live invoice in test mode": lambda: _sent(
        of_live(invoice_url="https://live.dodopayments.com/invoices/payments/p")
    ),
    "too large": lambda: (b" " * 300_000, signed(b" " * 300_000), 413),
}


def _signed_at(age_s: int) -> dict[str, str]:
    return headers_of(BODY, event_id="evt_1", at_s=int(time.time()) + age_s, secrets=(DODO_SECRET,))


def _signature(change: Callable[[str], str]) -> dict[str, str]:
    return signed(**{"webhook-signature": change(signed()["webhook-signature"])})


def _sent(body: bytes) -> tuple[bytes, dict[str, str], int]:
    return body, signed(body), 400


def _event(**changes: Any) -> tuple[bytes, dict[str, str], int]:
    return _sent(json.dumps(DOCUMENT | changes).encode())


@pytest.mark.parametrize("name", BAD)
def test_a_bad_delivery_is_refused_and_nothing_is_stored(webhooks: Webhooks, name: str) -> None:
    body, headers, status = BAD[name]()

    answer = send(webhooks, body, headers)

    assert answer[0] == status
    assert answer[1].keys() == {"error", "code", "request_id"}
    assert webhooks.rows(WebhookEvent) == []
    assert webhooks.queue.events == []


def test_a_body_that_is_not_base64_although_it_claims_to_be_is_refused(webhooks: Webhooks) -> None:
    event = {"httpMethod": "POST", "path": PATH, "headers": signed(), "body": "%%%", "isBase64Encoded": True}

    assert webhooks.send_proxy_event(event)[0] == 400


def test_one_of_two_signatures_is_enough_while_a_secret_is_rotated(webhooks: Webhooks) -> None:
    headers = headers_of(BODY, event_id="evt_1", secrets=(OTHER_SECRET, DODO_SECRET))

    assert send(webhooks, BODY, headers)[0] == 200


def test_a_test_payment_is_accepted_in_test_mode(webhooks: Webhooks) -> None:
    body = of_live(
        payment_link="https://test.checkout.dodopayments.com/session/cks_1", invoice_url="https://a.example/"
    )

    assert send(webhooks, body, signed(body))[0] == 200


def test_a_repeated_delivery_is_queued_again_until_it_is_processed(webhooks: Webhooks) -> None:
    for _ in range(3):
        assert send(webhooks, BODY, signed())[0] == 200

    assert len(webhooks.rows(WebhookEvent)) == 1
    assert len(webhooks.queue.events) == 3


def test_while_the_database_is_down_the_webhook_is_not_acknowledged() -> None:
    engine = build_engine("postgresql://unused:unused@127.0.0.1:9/none")
    queue = FakeEventQueue()
    receiver = Receiver(engine, queue=queue, senders=_senders(), logger=build_logger("webhooks"))

    answer = receiver.receive(_request())

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (500, "not_stored")
    assert queue.events == []


@pytest.fixture
def counted(
    postgres: Postgres, webhooks_engine: Engine, webhooks: Webhooks
) -> Iterator[tuple[Receiver, CountingProxy]]:
    url = make_url(product.app_url(postgres, "webhooks"))
    with CountingProxy(str(url.host), int(url.port or 0)) as proxy:
        engine = build_engine(url.set(port=proxy.port).render_as_string(hide_password=False))
        yield Receiver(engine, queue=FakeEventQueue(), senders=_senders(), logger=build_logger("webhooks")), proxy
        engine.dispose()


def test_an_answer_takes_at_most_five_round_trips(counted: tuple[Receiver, CountingProxy]) -> None:
    receiver, proxy = counted
    receiver.receive(_request())  # opens the connection
    counts = []
    for event_id in ("evt_2", "evt_2"):  # a new event, and its repetition
        proxy.take()
        assert receiver.receive(_request(event_id))["statusCode"] == 200
        counts.append(proxy.take())

    assert max(counts) <= 5
    assert min(counts) > 0


def _senders() -> Any:
    return senders(clerk_secret=SecretStr(WEBHOOK_SECRET), dodo_secret=SecretStr(DODO_SECRET), dodo_mode=DodoMode.TEST)


def _request(event_id: str = "evt_1") -> GatewayRequest:
    return GatewayRequest.model_validate(
        {
            "httpMethod": "POST",
            "path": PATH,
            "headers": headers_of(BODY, event_id=event_id, secrets=(DODO_SECRET,)),
            "body": base64.b64encode(BODY).decode(),
            "isBase64Encoded": True,
            "requestContext": {"requestId": "request-1"},
        }
    )
