"""Dodo's API. Source: dodopayments 1.123.0, resources/; docs.dodopayments.com/api-reference, 2026-11."""

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business import checkouts, plan_changes, refunds, subscriptions
from local.stand_ins.dodo.business import documents as json_of
from local.stand_ins.dodo.business.clock import as_text
from local.stand_ins.dodo.business.refusals import BusinessRefusal, invalid
from local.stand_ins.dodo.current_books import CurrentBooks
from local.stand_ins.dodo.errors import error_body
from local.stand_ins.dodo.invoices import invoice_pdf
from local.stand_ins.dodo.orders import (
    CustomerChange,
    NewCheckout,
    NewCustomer,
    NewPaymentMethod,
    NewPlan,
    NewRefund,
    SubscriptionChange,
)
from local.stand_ins.scenario.refusals import Refusal

type Json = dict[str, Any]

router = APIRouter(prefix="/dodo")


async def _require_api_key(authorization: Annotated[str, Header()] = "") -> None:
    if not secrets.compare_digest(authorization.encode(), f"Bearer {API_KEY}".encode()):
        raise Refusal(401, error_body(401, message="You are not authorised to perform this action"))


api = APIRouter(dependencies=[Depends(_require_api_key)])


class _Dated(Protocol):
    created_at: datetime


class _Page:
    """The part of a list that a call asks for, newest first."""

    def __init__(
        self,
        page_number: Annotated[int, Query(ge=0)] = 0,
        page_size: Annotated[int, Query(ge=1, le=100)] = 10,
        created_at_gte: datetime | None = None,
    ) -> None:
        self._since = created_at_gte
        self._start = page_number * page_size
        self._end = self._start + page_size

    def of[T: _Dated](self, records: Iterable[T], read: Callable[[T], Json]) -> Json:
        since = self._since
        newest_first = [record for record in records if since is None or record.created_at >= since][::-1]
        return {"items": [read(record) for record in newest_first[self._start : self._end]]}


type Page = Annotated[_Page, Depends()]


@api.post("/customers")
async def create_customer(books: CurrentBooks, body: NewCustomer) -> Json:
    """Create a customer."""
    return json_of.customer_json(books.create_customer(body.email, body.name, body.metadata))


@api.get("/customers")
async def list_customers(books: CurrentBooks, page: Page, email: str | None = None) -> Json:
    """Return customers, or those with an address."""
    found = (each for each in books.customers.values() if email in (None, each.email))
    return page.of(found, json_of.customer_json)


@api.get("/customers/{customer_id}")
async def get_customer(books: CurrentBooks, customer_id: str) -> Json:
    """Return a customer."""
    return json_of.customer_json(books.get_customer(customer_id))


@api.patch("/customers/{customer_id}")
async def update_customer(books: CurrentBooks, customer_id: str, body: CustomerChange) -> Json:
    """Replace fields of a customer."""
    customer = books.get_customer(customer_id)
    customer.email = body.email or customer.email
    customer.name = body.name or customer.name
    customer.metadata = dict(customer.metadata if body.metadata is None else body.metadata)
    return json_of.customer_json(customer)


@api.get("/customers/{customer_id}/payment-methods")
async def list_payment_methods(books: CurrentBooks, customer_id: str) -> Json:
    """Return the customer's card, once a payment has saved it."""
    customer = books.get_customer(customer_id)
    has_paid = any(
        payment.customer_id == customer_id and payment.status == "succeeded" for payment in books.payments.values()
    )
    return {"items": [json_of.payment_method_json(customer.card)] if has_paid else []}


@api.post("/customers/{customer_id}/customer-portal/session")
async def create_portal_session(request: Request, books: CurrentBooks, customer_id: str) -> Json:
    """Return the address of the customer's portal."""
    customer = books.get_customer(customer_id)
    return {"link": str(request.url_for("show_portal", customer_id=customer.customer_id))}


@api.post("/checkouts")
async def create_checkout(request: Request, books: CurrentBooks, body: NewCheckout) -> Json:
    """Create a checkout session."""
    buyer = body.customer
    if (buyer.customer_id is None) == (buyer.email is None):
        raise invalid("customer needs either customer_id or email")
    checkout = checkouts.create_checkout(
        books,
        product_id=body.product_cart[0].product_id,
        customer_id=buyer.customer_id,
        email=buyer.email or "",
        name=buyer.name or buyer.email or "",
        metadata=body.metadata,
        return_url=body.return_url,
        cancel_url=body.cancel_url,
    )
    url = str(request.url_for("show_checkout", session_id=checkout.session_id))
    return {"session_id": checkout.session_id, "checkout_url": url}


@api.get("/checkouts/{session_id}")
async def get_checkout(books: CurrentBooks, session_id: str) -> Json:
    """Return the progress of a session."""
    checkout = books.get_checkout(session_id)
    payment = books.payments.get(checkout.payment_id or "")
    return {
        "id": checkout.session_id,
        "created_at": as_text(checkout.created_at),
        "customer_email": checkout.email,
        "customer_name": checkout.name,
        "payment_id": checkout.payment_id,
        "payment_status": None if payment is None else str(payment.status),
    }


@api.get("/subscriptions")
async def list_subscriptions(
    books: CurrentBooks,
    page: Page,
    customer_id: str | None = None,
    status: str | None = None,
    product_id: str | None = None,
) -> Json:
    """Return subscriptions."""
    found = (
        each
        for each in books.subscriptions.values()
        if customer_id in (None, each.customer_id)
        and status in (None, str(each.status))
        and product_id in (None, each.product_id)
    )
    return page.of(found, lambda subscription: json_of.subscription_json(books, subscription))


@api.get("/subscriptions/{subscription_id}")
async def get_subscription(books: CurrentBooks, subscription_id: str) -> Json:
    """Return a subscription."""
    return json_of.subscription_json(books, books.get_subscription(subscription_id))


@api.patch("/subscriptions/{subscription_id}")
async def update_subscription(books: CurrentBooks, subscription_id: str, body: SubscriptionChange) -> Json:
    """Cancel, pause or resume a subscription, at once or at the next billing date."""
    match body.status, body.cancel_at_next_billing_date:
        case "cancelled", None:
            subscriptions.cancel_now(books, subscription_id)
        case "paused" | "active", None if len(body.model_fields_set) > 1:
            raise invalid("paused and active go alone")
        case "paused", None:
            subscriptions.pause(books, subscription_id)
        case "active", None:
            subscriptions.resume(books, subscription_id)
        case None, True:
            subscriptions.schedule_cancellation(books, subscription_id)
        case None, False:
            subscriptions.undo_cancellation(books, subscription_id)
        case _:
            raise invalid("the request changes nothing, or two things")
    return json_of.subscription_json(books, books.get_subscription(subscription_id))


@api.post("/subscriptions/{subscription_id}/change-plan")
async def change_plan(books: CurrentBooks, subscription_id: str, body: NewPlan) -> Json:
    """Change the plan at once, or schedule the change."""
    options = {
        "mode": body.proration_billing_mode,
        "keeps_plan_on_failure": body.on_payment_failure == "prevent_change",
        "replaces_scheduled": body.cancel_scheduled_change_plan,
    }
    if body.effective_at == "next_billing_date":
        plan_changes.schedule(books, subscription_id, body.product_id, **options)  # type: ignore[arg-type]
    else:
        plan_changes.change_now(books, subscription_id, body.product_id, **options)  # type: ignore[arg-type]
    return {"payment_id": None, "payment_link": None, "client_secret": None, "expires_on": None}


@api.post("/subscriptions/{subscription_id}/change-plan/preview")
async def preview_plan_change(books: CurrentBooks, subscription_id: str, body: NewPlan) -> Json:
    """Return what a change would cost now; changes nothing."""
    return plan_changes.preview_json(
        books,
        subscription_id,
        body.product_id,
        mode=body.proration_billing_mode,
        replaces_scheduled=body.cancel_scheduled_change_plan,
    )


@api.delete("/subscriptions/{subscription_id}/change-plan/scheduled")
async def cancel_scheduled_change(books: CurrentBooks, subscription_id: str) -> Response:
    """Remove the scheduled change."""
    plan_changes.cancel_scheduled(books, subscription_id)
    return Response(status_code=204)


@api.post("/subscriptions/{subscription_id}/update-payment-method")
async def update_payment_method(
    request: Request, books: CurrentBooks, subscription_id: str, body: NewPaymentMethod
) -> Json:
    """Return the page on which the customer replaces the card."""
    del body
    subscription = books.get_subscription(subscription_id)
    link = str(request.url_for("show_portal", customer_id=subscription.customer_id))
    return {"payment_id": None, "payment_link": link, "client_secret": None, "expires_on": None}


@api.get("/payments")
async def list_payments(
    books: CurrentBooks,
    page: Page,
    customer_id: str | None = None,
    subscription_id: str | None = None,
    status: str | None = None,
) -> Json:
    """Return payments in the reduced form of lists."""
    found = (
        each
        for each in books.payments.values()
        if customer_id in (None, each.customer_id)
        and subscription_id in (None, each.subscription_id)
        and status in (None, str(each.status))
    )
    return page.of(found, lambda payment: json_of.listed_payment_json(books, payment))


@api.get("/payments/{payment_id}")
async def get_payment(books: CurrentBooks, payment_id: str) -> Json:
    """Return a payment."""
    return json_of.payment_json(books, books.get_payment(payment_id))


@api.get("/invoices/payments/{payment_id}")
async def get_invoice(books: CurrentBooks, payment_id: str) -> Response:
    """Return the invoice of a payment that succeeded."""
    payment = books.get_payment(payment_id)
    if payment.invoice_id is None:
        raise BusinessRefusal(404, "NOT_FOUND", "Invoice not found")
    return Response(invoice_pdf(books, payment), media_type="application/pdf")


@api.post("/refunds")
async def create_refund(books: CurrentBooks, body: NewRefund) -> Json:
    """Refund a payment, or parts of it."""
    amount_cents = None
    if body.items is not None:
        payment = books.get_payment(body.payment_id)
        if any(item.item_id != payment.product_id for item in body.items) or len(body.items) > 1:
            raise BusinessRefusal(400, "LINE_ITEM_NOT_FOUND", "Line item not found in payment")
        amount_cents = body.items[0].amount
    refund = refunds.refund(
        books, body.payment_id, amount_cents=amount_cents, reason=body.reason, metadata=body.metadata
    )
    return json_of.refund_json(books, refund)


@api.get("/refunds")
async def list_refunds(
    books: CurrentBooks, page: Page, customer_id: str | None = None, subscription_id: str | None = None
) -> Json:
    """Return refunds."""
    found = (
        each
        for each in books.refunds.values()
        if customer_id in (None, books.payments[each.payment_id].customer_id)
        and subscription_id in (None, books.payments[each.payment_id].subscription_id)
    )
    return page.of(found, lambda refund: json_of.refund_json(books, refund))


@api.get("/refunds/{refund_id}")
async def get_refund(books: CurrentBooks, refund_id: str) -> Json:
    """Return a refund."""
    return json_of.refund_json(books, books.get_refund(refund_id))


@api.get("/disputes")
async def list_disputes(books: CurrentBooks, page: Page, customer_id: str | None = None) -> Json:
    """Return disputes."""
    found = (
        each for each in books.disputes.values() if customer_id in (None, books.payments[each.payment_id].customer_id)
    )
    return page.of(found, json_of.dispute_json)


@api.get("/disputes/{dispute_id}")
async def get_dispute(books: CurrentBooks, dispute_id: str) -> Json:
    """Return a dispute."""
    return json_of.full_dispute_json(books, books.get_dispute(dispute_id))


router.include_router(api)
