"""The client against the stand-in, over HTTP."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.dodo import errors
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.dodo.documents import Checkout, Subscription
from whyviral.integrations.dodo.errors import may_have_taken_effect
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.integrations.errors import NotConnected, ProviderError
from whyviral.vendor_calls.calls import CallCollector

_BACK = "https://app.example.com/billing"


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def dodo(local_endpoints: Endpoints, calls: CallCollector) -> DodoClient:
    return DodoClient(API_KEY, mode=DodoMode.TEST, calls=calls, read_timeout_s=WAIT_S, send_timeout_s=WAIT_S)


def open_checkout(dodo: DodoClient, product_id: str = PRO_PRODUCT) -> Checkout:
    return dodo.create_checkout(
        product_id=product_id,
        customer={"email": "mara@example.com", "name": "Mara Lind"},
        metadata={"user_id": "u-1"},
        return_url=f"{_BACK}/success",
        cancel_url=f"{_BACK}/cancel",
    )


def subscribe(dodo: DodoClient, stand_ins: StandInsClient, product_id: str = PRO_PRODUCT) -> Subscription:
    checkout = open_checkout(dodo, product_id)
    paid = stand_ins.control(f"dodo/checkouts/{checkout.session_id}/pay", {"outcome": "succeeded"})
    return dodo.get_subscription(paid["subscription_id"])


def test_a_checkout_leads_to_a_subscription_with_our_metadata(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    checkout = open_checkout(dodo)
    assert dodo.get_checkout(checkout.session_id).payment_status is None
    paid = stand_ins.control(f"dodo/checkouts/{checkout.session_id}/pay", {"outcome": "succeeded"})

    subscription = dodo.get_subscription(paid["subscription_id"])

    assert (subscription.status, subscription.product_id) == ("active", PRO_PRODUCT)
    assert subscription.metadata == {"user_id": "u-1"}
    assert dodo.get_checkout(checkout.session_id).payment_status == "succeeded"
    assert [
        each.subscription_id for each in dodo.list_subscriptions(customer_id=subscription.customer.customer_id)
    ] == [subscription.subscription_id]


def test_every_call_is_recorded_without_ids(dodo: DodoClient, stand_ins: StandInsClient, calls: CallCollector) -> None:
    subscription = subscribe(dodo, stand_ins)

    recorded = calls.drain()

    assert [(call.provider, call.operation, call.status, call.cost_usd, call.is_stand_in) for call in recorded] == [
        ("dodo", "POST /checkouts", 200, Decimal(0), True),
        ("dodo", "GET /subscriptions/{id}", 200, Decimal(0), True),
    ]
    assert subscription.subscription_id not in str(recorded)


def test_customers_are_created_found_and_changed(dodo: DodoClient) -> None:
    customer = dodo.create_customer(email="ann@example.com", name="Ann", metadata={"user_id": "u-2"})

    changed = dodo.update_customer(customer.customer_id, name="Ann Berg")

    assert (changed.name, changed.email, changed.metadata) == ("Ann Berg", "ann@example.com", {"user_id": "u-2"})
    assert dodo.get_customer(customer.customer_id) == changed
    assert list(dodo.find_customers("ann@example.com")) == [changed]
    assert list(dodo.find_customers("other@example.com")) == []
    assert list(dodo.list_payment_methods(customer.customer_id)) == []


def test_a_saved_card_shows_its_last_digits_and_expiry(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins)

    (method,) = dodo.list_payment_methods(subscription.customer.customer_id)

    assert method.card is not None
    assert (method.card.last4_digits, method.card.card_network, method.card.expiry_year) == ("4242", "visa", "2029")


def test_an_upgrade_costs_what_its_preview_said(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins)
    preview = dodo.preview_plan_change(subscription.subscription_id, product_id=BUSINESS_PRODUCT)

    dodo.change_plan(subscription.subscription_id, product_id=BUSINESS_PRODUCT)

    assert dodo.get_subscription(subscription.subscription_id).product_id == BUSINESS_PRODUCT
    newest = next(dodo.list_payments(subscription_id=subscription.subscription_id))
    assert newest.charge_type == "plan_change"
    assert 0 <= preview.immediate_charge.summary.total_amount - newest.total_amount <= 1  # a cent, as time passes
    assert preview.new_plan.product_id == BUSINESS_PRODUCT


def test_a_downgrade_is_scheduled_replaced_and_removed(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins, BUSINESS_PRODUCT)
    dodo.schedule_plan_change(subscription.subscription_id, product_id=PRO_PRODUCT)
    dodo.schedule_plan_change(subscription.subscription_id, product_id=PRO_PRODUCT)
    scheduled = dodo.get_subscription(subscription.subscription_id)
    assert scheduled.scheduled_change is not None
    assert scheduled.scheduled_change.effective_at == subscription.next_billing_date

    dodo.cancel_scheduled_change(subscription.subscription_id)

    assert dodo.get_subscription(subscription.subscription_id).scheduled_change is None
    with pytest.raises(errors.NoScheduledChange):
        dodo.cancel_scheduled_change(subscription.subscription_id)


def test_a_cancellation_is_scheduled_and_undone(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins)

    scheduled = dodo.schedule_cancellation(subscription.subscription_id)
    undone = dodo.undo_cancellation(subscription.subscription_id)

    assert (scheduled.cancel_at_next_billing_date, undone.cancel_at_next_billing_date) == (True, False)
    assert dodo.cancel_now(subscription.subscription_id).status == "cancelled"


def test_an_invoice_is_a_pdf_and_a_refund_names_its_payment(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins)
    payment = next(dodo.list_payments(customer_id=subscription.customer.customer_id))

    pdf = dodo.get_invoice_pdf(payment.payment_id)
    part = dodo.create_refund(payment.payment_id, reason="asked", metadata={}, amounts={PRO_PRODUCT: 500})

    assert pdf.startswith(b"%PDF-")
    assert (part.payment_id, part.amount, part.is_partial) == (payment.payment_id, 500, True)
    assert dodo.get_payment(payment.payment_id).refund_status == "partial"
    assert dodo.get_refund(part.refund_id) == part
    assert list(dodo.list_refunds(subscription_id=subscription.subscription_id)) == [part]


def test_a_dispute_counts_cents(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins)
    payment = next(dodo.list_payments(subscription_id=subscription.subscription_id))

    opened = stand_ins.control("dodo/disputes", {"payment_id": payment.payment_id})

    assert dodo.get_dispute(opened["dispute_id"]).amount == 1_900
    assert [each.dispute_id for each in dodo.list_disputes()] == [opened["dispute_id"]]


def test_the_portal_and_the_page_for_a_new_card_are_addresses(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins)

    portal = dodo.create_portal_link(subscription.customer.customer_id, return_url=_BACK)
    link = dodo.create_payment_method_link(subscription.subscription_id, return_url=_BACK)

    assert httpx.get(portal).status_code == 200
    assert link.payment_link is not None
    assert httpx.get(link.payment_link).status_code == 200


def test_lists_are_read_page_by_page(
    dodo: DodoClient, stand_ins: StandInsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whyviral.integrations.dodo.client.PAGE_SIZE", 2)
    for _ in range(5):
        subscribe(dodo, stand_ins)

    found = [each.subscription_id for each in dodo.list_subscriptions()]

    assert len(set(found)) == 5


def _change_plan(dodo: DodoClient, subscription_id: str) -> None:
    dodo.change_plan(subscription_id, product_id=BUSINESS_PRODUCT)


def test_a_plan_change_is_refused_by_name(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins)
    dodo.schedule_cancellation(subscription.subscription_id)
    with pytest.raises(errors.CancellationScheduled):
        _change_plan(dodo, subscription.subscription_id)
    dodo.cancel_now(subscription.subscription_id)
    with pytest.raises(errors.SubscriptionInactive):
        _change_plan(dodo, subscription.subscription_id)
    with pytest.raises(errors.UnknownAtDodo) as unknown:
        _change_plan(dodo, "sub_unknown")

    assert (unknown.value.category, unknown.value.code) == (ErrorCategory.NOT_FOUND, "NOT_FOUND")


def test_a_change_is_refused_while_another_waits_for_its_payment(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins)
    order = {"customer_id": subscription.customer.customer_id, "outcome": "processing"}
    stand_ins.control("dodo/cards", order)
    _change_plan(dodo, subscription.subscription_id)

    with pytest.raises(errors.PlanChangePending):
        _change_plan(dodo, subscription.subscription_id)


def test_refunds_are_refused_by_name(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    subscription = subscribe(dodo, stand_ins)
    payment_id = next(dodo.list_payments(subscription_id=subscription.subscription_id)).payment_id
    with pytest.raises(errors.RefundTooHigh):
        dodo.create_refund(payment_id, reason="asked", metadata={}, amounts={PRO_PRODUCT: 2_000})
    dodo.create_refund(payment_id, reason="asked", metadata={})

    with pytest.raises(errors.AlreadyRefunded):
        dodo.create_refund(payment_id, reason="asked", metadata={})


@pytest.mark.parametrize(
    ("fault", "kind", "category", "is_open"),
    [
        (
            {"mode": "status", "status": 400, "body": {"code": "UNSUPPORTED_COUNTRY"}},
            "DodoRefusal",
            "provider_error",
            False,
        ),
        ({"mode": "status", "status": 401, "body": ""}, "DodoRefusal", "auth", False),
        ({"mode": "status", "status": 403}, "DodoRefusal", "auth", False),
        ({"mode": "status", "status": 404}, "UnknownAtDodo", "not_found", False),
        ({"mode": "status", "status": 409}, "PlanChangePending", "provider_error", False),
        ({"mode": "status", "status": 422, "body": "<html>"}, "DodoRefusal", "provider_error", False),
        ({"mode": "status", "status": 429, "headers": {"Retry-After": "7"}}, "DodoRefusal", "rate_limit", False),
        ({"mode": "status", "status": 500}, "DodoRefusal", "provider_error", True),
        ({"mode": "status", "status": 503}, "DodoRefusal", "provider_error", True),
        ({"mode": "disconnect"}, "ConnectionDropped", "provider_error", True),
        ({"mode": "garbage"}, "ProviderError", "provider_error", True),
        ({"mode": "status", "status": 200, "body": {"session_id": 7}}, "ProviderError", "provider_error", True),
    ],
    ids=lambda value: str(value.get("status", value["mode"])) if isinstance(value, dict) else None,
)
def test_a_call_that_moves_money_fails_once_and_is_not_repeated(
    dodo: DodoClient, stand_ins: StandInsClient, fault: dict[str, Any], kind: str, category: str, is_open: bool
) -> None:
    stand_ins.fault("dodo", **fault)

    with pytest.raises(ProviderError) as failure:
        open_checkout(dodo)

    assert (type(failure.value).__name__, failure.value.category) == (kind, category)
    assert may_have_taken_effect(failure.value) is is_open
    assert len(stand_ins.calls("dodo")) == 1


def test_a_call_without_an_answer_may_have_taken_effect(
    local_endpoints: Endpoints, stand_ins: StandInsClient, calls: CallCollector
) -> None:
    stand_ins.fault("dodo", "timeout")
    impatient = DodoClient(API_KEY, mode=DodoMode.TEST, calls=calls, send_timeout_s=0.2)

    with pytest.raises(ProviderError) as failure:
        open_checkout(impatient)

    assert (failure.value.category, may_have_taken_effect(failure.value)) == (ErrorCategory.TIMEOUT, True)


def test_a_call_that_was_never_sent_had_no_effect(local_endpoints: Endpoints, calls: CallCollector) -> None:
    endpoints.use(Endpoints(dodo_test_url="http://127.0.0.1:1", stand_ins=frozenset({"dodo"})))
    nowhere = DodoClient(API_KEY, mode=DodoMode.TEST, calls=calls)

    with pytest.raises(NotConnected) as failure:
        open_checkout(nowhere)

    assert not may_have_taken_effect(failure.value)


@pytest.mark.parametrize("fault", [{"mode": "disconnect"}, {"mode": "status", "status": 502}], ids=["drop", "502"])
def test_a_read_is_repeated_once(
    dodo: DodoClient, stand_ins: StandInsClient, calls: CallCollector, fault: dict[str, Any]
) -> None:
    subscription = subscribe(dodo, stand_ins)
    calls.drain()
    stand_ins.fault("dodo", **fault, times=1)

    assert dodo.get_subscription(subscription.subscription_id) == subscription
    assert len(calls.drain()) == 2


@pytest.mark.parametrize(
    "url", ["http://pay.example.com/a", "javascript:alert(1)", "//pay.example.com", "ftp://pay.example.com/a"]
)
def test_customers_are_sent_to_https_pages_only(
    dodo: DodoClient, stand_ins: StandInsClient, local_endpoints: Endpoints, url: str
) -> None:
    endpoints.use(Endpoints(dodo_test_url=local_endpoints.dodo_test_url))
    real = DodoClient(API_KEY, mode=DodoMode.TEST, calls=CallCollector(), send_timeout_s=WAIT_S)
    stand_ins.fault("dodo", "status", status=200, body={"session_id": "cks_1", "checkout_url": url})

    with pytest.raises(ProviderError, match="could not be read"):
        open_checkout(real)


def test_an_invoice_that_is_not_a_pdf_is_refused(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    stand_ins.fault("dodo", "garbage")

    with pytest.raises(ProviderError, match="could not be read"):
        dodo.get_invoice_pdf("pay_1")


def test_ids_cannot_leave_their_segment_of_the_path(dodo: DodoClient, stand_ins: StandInsClient) -> None:
    with pytest.raises(ProviderError):
        dodo.get_payment("../customers")

    assert {call["path"] for call in stand_ins.calls("dodo")} == {"/payments/../customers"}


@pytest.mark.parametrize(
    ("mode", "base_url"),
    [(DodoMode.TEST, "https://test.dodopayments.com"), (DodoMode.LIVE, "https://live.dodopayments.com")],
)
def test_each_mode_has_its_own_address(
    mode: DodoMode, base_url: str, local_endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints.use(Endpoints())
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(404, json={"code": "NOT_FOUND"})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    with client, pytest.raises(errors.UnknownAtDodo):
        DodoClient("key", mode=mode, calls=CallCollector(), client=client).get_refund("ref_1")

    assert [str(url) for url in asked] == [f"{base_url}/refunds/ref_1"]


def test_a_mode_is_required() -> None:
    with pytest.raises(TypeError, match="mode"):
        DodoClient("key", calls=CallCollector())  # type: ignore[call-arg]
