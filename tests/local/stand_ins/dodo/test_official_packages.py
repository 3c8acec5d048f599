"""Dodo's official SDK and the standardwebhooks package against the stand-in, and our reader of events beside them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import dodopayments
import pytest
from dodopayments.types import WebhookEventType
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT
from local.stand_ins.dodo.samples import EVENT_TYPES, Buyer, sample
from local.stand_ins.dodo.webhooks import WEBHOOK_SECRET, Tampering, body_of, headers_of, tampered
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.integrations.dodo.events import EventType, document_of, read_envelope

_NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
_ALL_TYPES: tuple[str, ...] = get_args(WebhookEventType)


@pytest.fixture
def sdk(stand_ins: StandInsClient) -> Iterator[dodopayments.DodoPayments]:
    with dodopayments.DodoPayments(
        bearer_token=API_KEY,
        webhook_key=WEBHOOK_SECRET,
        base_url=f"{stand_ins.base_url}/dodo",
        max_retries=0,
        timeout=WAIT_S,
    ) as client:
        yield client


def subscribe(sdk: dodopayments.DodoPayments, stand_ins: StandInsClient, product_id: str = PRO_PRODUCT) -> str:
    session = sdk.checkout_sessions.create(
        product_cart=[{"product_id": product_id, "quantity": 1}],
        customer={"email": "mara@example.com", "name": "Mara Lind"},
        metadata={"user_id": "u-1"},
        return_url="https://app.example.com/done",
    )
    paid = stand_ins.control(f"dodo/checkouts/{session.session_id}/pay", {"outcome": "succeeded"})
    subscription_id: str = paid["subscription_id"]
    return subscription_id


def complete(document: Any) -> None:
    """Validate a document of the SDK, which itself accepts answers with missing fields."""
    type(document).model_validate(document.to_dict())


def test_the_sdk_reads_complete_subscriptions_payments_and_customers(
    sdk: dodopayments.DodoPayments, stand_ins: StandInsClient
) -> None:
    subscription_id = subscribe(sdk, stand_ins)
    subscription = sdk.subscriptions.retrieve(subscription_id)
    (listed,) = sdk.subscriptions.list(customer_id=subscription.customer.customer_id).items
    (paid,) = sdk.payments.list(subscription_id=subscription_id).items
    payment = sdk.payments.retrieve(paid.payment_id)
    customer = sdk.customers.retrieve(subscription.customer.customer_id)
    methods = sdk.customers.retrieve_payment_methods(customer.customer_id)
    for document in (subscription, listed, paid, payment, customer, methods):
        complete(document)

    assert (subscription.status, payment.total_amount, payment.status) == ("active", 1_900, "succeeded")
    assert payment.service_periods[0].ends_at == subscription.next_billing_date


def test_the_sdk_changes_plans_cancels_and_undoes(sdk: dodopayments.DodoPayments, stand_ins: StandInsClient) -> None:
    subscription_id = subscribe(sdk, stand_ins)
    preview = sdk.subscriptions.preview_change_plan(
        subscription_id,
        product_id=BUSINESS_PRODUCT,
        quantity=1,
        proration_billing_mode="prorated_immediately",
    )
    complete(preview)
    sdk.subscriptions.change_plan(
        subscription_id,
        product_id=BUSINESS_PRODUCT,
        quantity=1,
        proration_billing_mode="prorated_immediately",
        on_payment_failure="prevent_change",
    )
    sdk.subscriptions.change_plan(
        subscription_id,
        product_id=PRO_PRODUCT,
        quantity=1,
        proration_billing_mode="prorated_immediately",
        effective_at="next_billing_date",
    )
    scheduled = sdk.subscriptions.retrieve(subscription_id)
    complete(scheduled)
    assert scheduled.scheduled_change is not None
    sdk.subscriptions.cancel_change_plan(subscription_id)

    ending = sdk.subscriptions.update(subscription_id, cancel_at_next_billing_date=True)
    kept = sdk.subscriptions.update(subscription_id, cancel_at_next_billing_date=False)
    ended = sdk.subscriptions.update(subscription_id, status="cancelled")

    assert [each.cancel_at_next_billing_date for each in (ending, kept, ended)] == [True, False, False]
    assert (ended.status, ended.product_id) == ("cancelled", BUSINESS_PRODUCT)


def test_the_sdk_reads_invoices_refunds_disputes_and_the_portal(
    sdk: dodopayments.DodoPayments, stand_ins: StandInsClient
) -> None:
    subscription_id = subscribe(sdk, stand_ins)
    (payment,) = sdk.payments.list(subscription_id=subscription_id).items
    refund = sdk.refunds.create(payment_id=payment.payment_id, reason="asked")
    opened = stand_ins.control("dodo/disputes", {"payment_id": payment.payment_id})
    dispute = sdk.disputes.retrieve(opened["dispute_id"])
    portal = sdk.customers.customer_portal.create(payment.customer.customer_id, send_email=False)
    for document in (refund, dispute, portal, sdk.refunds.retrieve(refund.refund_id)):
        complete(document)

    assert sdk.invoices.payments.retrieve(payment.payment_id).read().startswith(b"%PDF-")
    assert (refund.amount, dispute.amount) == (1_900, "1900")


def test_the_sdk_names_refusals_as_dodo_does(sdk: dodopayments.DodoPayments, stand_ins: StandInsClient) -> None:
    with pytest.raises(dodopayments.NotFoundError):
        sdk.subscriptions.retrieve("sub_unknown")
    with pytest.raises(dodopayments.UnprocessableEntityError):
        sdk.checkout_sessions.create(
            product_cart=[{"product_id": PRO_PRODUCT, "quantity": 0}], customer={"email": "a@b.co"}
        )
    subscription_id = subscribe(sdk, stand_ins)
    with pytest.raises(dodopayments.UnprocessableEntityError):
        sdk.subscriptions.update(subscription_id, status="paused", cancel_at_next_billing_date=True)

    with pytest.raises(dodopayments.AuthenticationError):
        sdk.with_options(bearer_token="another").payments.retrieve("pay_1")


def test_samples_exist_for_every_type_that_the_sdk_and_we_know() -> None:
    assert sorted(EVENT_TYPES) == sorted(_ALL_TYPES) == sorted(EventType)


@pytest.mark.parametrize("event_type", _ALL_TYPES)
def test_the_sdk_unwraps_a_sample_of_every_type(sdk: dodopayments.DodoPayments, event_type: str) -> None:
    event, _ = sample(event_type, Buyer(), now=_NOW)
    body = body_of(event.as_json())

    unwrapped = sdk.webhooks.unwrap(body.decode(), headers=headers_of(body, event_id=event.id))

    assert unwrapped.type == event_type
    assert get_args(type(unwrapped).model_fields["type"].annotation) == (event_type,)
    type(unwrapped).model_validate(json.loads(body))


@pytest.mark.parametrize("event_type", [*_ALL_TYPES, "subscription.canceled", "subscription.invented", "made_up.event"])
def test_we_read_a_sample_of_every_type(event_type: str) -> None:
    event, _ = sample(event_type, Buyer(metadata={"user_id": "u-1"}), now=_NOW)

    envelope = read_envelope(body_of(event.as_json()))
    document = document_of(envelope)

    is_known = "invented" not in event_type and "made_up" not in event_type
    assert envelope.type == event_type.replace("canceled", "cancelled")
    assert envelope.is_known is is_known
    has_shape = event_type.startswith(("subscription.", "payment.", "refund.", "dispute.", "credit.", "dunning."))
    assert (document is not None) is (is_known and has_shape)
    if event_type.startswith(("subscription.", "payment.")) and is_known:
        assert envelope.metadata == {"user_id": "u-1"}
        assert envelope.subscription_id is not None
        assert envelope.customer_id is not None


def test_what_we_sign_the_official_package_verifies() -> None:
    body = body_of({"type": "subscription.active", "data": {"name": "Mára"}})
    old = "whsec_b2xkIHNlY3JldA=="

    headers = headers_of(body, event_id="evt_1", secrets=(old, WEBHOOK_SECRET))

    for secret in (old, WEBHOOK_SECRET):
        assert Webhook(secret).verify(body, headers) == json.loads(body)


@pytest.mark.parametrize("tampering", [Tampering.BODY, Tampering.SIGNATURE, Tampering.SECRET])
def test_the_official_package_refuses_what_was_tampered_with(tampering: Tampering) -> None:
    body = body_of({"type": "subscription.active"})
    body, headers = tampered(body, headers_of(body, event_id="evt_1"), tampering)

    with pytest.raises(WebhookVerificationError):
        Webhook(WEBHOOK_SECRET).verify(body, headers)
