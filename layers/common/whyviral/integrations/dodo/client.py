"""The client for customers, checkouts, subscriptions, payments and refunds in Dodo's API.

Source: dodopayments 1.123.0, resources/; docs.dodopayments.com/api-reference, 2026-11.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from whyviral.core import endpoints
from whyviral.integrations.http.vendor_model import VendorModel
from whyviral.integrations.ports.call_recorder import CallRecorder

from .api_call import DodoHttp, Params
from .documents import (
    Checkout,
    CheckoutStatus,
    Customer,
    Dispute,
    Payment,
    PaymentLink,
    PaymentMethod,
    PlanChangePreview,
    PortalSession,
    Refund,
    Subscription,
)
from .errors import PROVIDER, unreadable
from .mode import DodoMode

__all__ = ["PAGE_SIZE", "DodoClient", "DodoMode"]

PAGE_SIZE = 100
"""The largest page that Dodo's lists have."""
_MAX_PAGES = 1_000
_OK = 200


class _Page[T: VendorModel](VendorModel):
    items: Sequence[T]


class DodoClient:
    """The client for Dodo's API; every method raises `ProviderError` if its call fails.

    A method that changes data is never repeated. After a failure for which `may_have_taken_effect` is true, the caller
    looks up the outcome before it calls again.
    """

    def __init__(self, api_key: str, *, mode: DodoMode, calls: CallRecorder, **options: Any) -> None:
        """Create a client; `options` are passed to `DodoHttp`."""
        self._http = DodoHttp(api_key, mode=mode, calls=calls, **options)

    # Customers

    def create_customer(self, *, email: str, name: str, metadata: Mapping[str, str]) -> Customer:
        """Create a customer."""
        body = {"email": email, "name": name, "metadata": dict(metadata)}
        return self._http.send("POST", "/customers", Customer, operation="POST /customers", body=body)

    def get_customer(self, customer_id: str) -> Customer:
        """Return a customer."""
        return self._http.get(f"/customers/{_segment(customer_id)}", Customer, operation="GET /customers/{id}")

    def find_customers(self, email: str) -> Sequence[Customer]:
        """Return the customers with this address."""
        page = self._http.get(
            "/customers", _Page[Customer], operation="GET /customers", params={"email": email, "page_size": PAGE_SIZE}
        )
        return page.items

    def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Customer:
        """Replace the given fields of a customer."""
        fields = {"email": email, "name": name, "metadata": None if metadata is None else dict(metadata)}
        body = {field: value for field, value in fields.items() if value is not None}
        path = f"/customers/{_segment(customer_id)}"
        return self._http.send("PATCH", path, Customer, operation="PATCH /customers/{id}", body=body)

    def list_payment_methods(self, customer_id: str) -> Sequence[PaymentMethod]:
        """Return the saved ways of paying of a customer."""
        path = f"/customers/{_segment(customer_id)}/payment-methods"
        return self._http.get(path, _Page[PaymentMethod], operation="GET /customers/{id}/payment-methods").items

    def create_portal_link(self, customer_id: str, *, return_url: str) -> str:
        """Return a short-lived address of the customer portal; create one for each click."""
        session = self._http.send(
            "POST",
            f"/customers/{_segment(customer_id)}/customer-portal/session",
            PortalSession,
            operation="POST /customers/{id}/customer-portal/session",
            params={"send_email": "false", "return_url": return_url},
        )
        return _page_url(session.link)

    # Checkouts

    def create_checkout(
        self,
        *,
        product_id: str,
        customer: Mapping[str, str],
        metadata: Mapping[str, str],
        return_url: str,
        cancel_url: str,
    ) -> Checkout:
        """Create a checkout session for one unit of a subscription product.

        Args:
            product_id: the product.
            customer: `{"customer_id"}` of an existing customer, or `{"email", "name"}` of a new one.
            metadata: our ids, which Dodo copies to the payment and the subscription.
            return_url: the page after the payment.
            cancel_url: the page behind the back button.
        """
        body = {
            "product_cart": [{"product_id": product_id, "quantity": 1}],
            "customer": dict(customer),
            "metadata": dict(metadata),
            "return_url": return_url,
            "cancel_url": cancel_url,
        }
        checkout = self._http.send("POST", "/checkouts", Checkout, operation="POST /checkouts", body=body)
        _page_url(checkout.checkout_url)
        return checkout

    def get_checkout(self, session_id: str) -> CheckoutStatus:
        """Return the progress of a checkout session."""
        return self._http.get(f"/checkouts/{_segment(session_id)}", CheckoutStatus, operation="GET /checkouts/{id}")

    # Subscriptions

    def get_subscription(self, subscription_id: str) -> Subscription:
        """Return a subscription."""
        path = f"/subscriptions/{_segment(subscription_id)}"
        return self._http.get(path, Subscription, operation="GET /subscriptions/{id}")

    def list_subscriptions(
        self, *, customer_id: str | None = None, status: str | None = None
    ) -> Iterator[Subscription]:
        """Yield the subscriptions of a customer or of all, newest first, a page at a time."""
        return self._list("/subscriptions", Subscription, customer_id=customer_id, status=status)

    def schedule_cancellation(self, subscription_id: str) -> Subscription:
        """End a subscription at its next billing date."""
        body = {"cancel_at_next_billing_date": True, "cancel_reason": "cancelled_by_customer"}
        return self._change_subscription(subscription_id, body)

    def undo_cancellation(self, subscription_id: str) -> Subscription:
        """Let a subscription that would end at its next billing date continue."""
        return self._change_subscription(subscription_id, {"cancel_at_next_billing_date": False})

    def cancel_now(self, subscription_id: str) -> Subscription:
        """End a subscription at once."""
        return self._change_subscription(subscription_id, {"status": "cancelled"})

    def change_plan(self, subscription_id: str, *, product_id: str) -> PaymentLink:
        """Change the product at once and charge the saved card for the rest of the period.

        The answer does not say whether the payment succeeded: webhooks do. If it fails, the old plan stays. A scheduled
        plan change is replaced once the payment succeeds.

        Raises:
            SubscriptionInactive: the subscription is on hold, paused or ended.
            CancellationScheduled: the subscription ends at the next billing date.
            PlanChangePending: another change is waiting for its payment.
        """
        path = f"/subscriptions/{_segment(subscription_id)}/change-plan"
        operation = "POST /subscriptions/{id}/change-plan"
        body = _upgrade(product_id)
        return self._http.send("POST", path, PaymentLink, operation=operation, body=body)

    def preview_plan_change(self, subscription_id: str, *, product_id: str) -> PlanChangePreview:
        """Return what `change_plan` would charge now; changes nothing, and raises the same errors."""
        path = f"/subscriptions/{_segment(subscription_id)}/change-plan/preview"
        operation = "POST /subscriptions/{id}/change-plan/preview"
        return self._http.send("POST", path, PlanChangePreview, operation=operation, body=_upgrade(product_id))

    def schedule_plan_change(self, subscription_id: str, *, product_id: str) -> None:
        """Change the product at the next billing date; replaces a change that is scheduled already.

        Raises:
            SubscriptionInactive: the subscription is on hold, paused or ended.
            CancellationScheduled: the subscription ends at the next billing date.
            PlanChangePending: another change is waiting for its payment.
        """
        # At a billing date nothing is left of the old period, so the prorated charge is the new plan's full price. It
        # replaces the renewal's payment; with do_not_bill the first period on the new plan might be free.
        body = {
            "product_id": product_id,
            "quantity": 1,
            "proration_billing_mode": "prorated_immediately",
            "effective_at": "next_billing_date",
            "on_payment_failure": "apply_change",
            "cancel_scheduled_change_plan": True,
        }
        path = f"/subscriptions/{_segment(subscription_id)}/change-plan"
        self._http.send_only("POST", path, operation="POST /subscriptions/{id}/change-plan", body=body)

    def cancel_scheduled_change(self, subscription_id: str) -> None:
        """Remove the scheduled plan change.

        Raises:
            NoScheduledChange: there is none.
        """
        path = f"/subscriptions/{_segment(subscription_id)}/change-plan/scheduled"
        self._http.send_only("DELETE", path, operation="DELETE /subscriptions/{id}/change-plan/scheduled")

    def create_payment_method_link(self, subscription_id: str, *, return_url: str) -> PaymentLink:
        """Return a page on which the customer replaces the card; it also pays what an on-hold subscription owes."""
        path = f"/subscriptions/{_segment(subscription_id)}/update-payment-method"
        operation = "POST /subscriptions/{id}/update-payment-method"
        body = {"type": "new", "return_url": return_url}
        link = self._http.send("POST", path, PaymentLink, operation=operation, body=body)
        if link.payment_link is not None:
            _page_url(link.payment_link)
        return link

    # Payments

    def get_payment(self, payment_id: str) -> Payment:
        """Return a payment."""
        return self._http.get(f"/payments/{_segment(payment_id)}", Payment, operation="GET /payments/{id}")

    def list_payments(
        self,
        *,
        customer_id: str | None = None,
        subscription_id: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
    ) -> Iterator[Payment]:
        """Yield payments, newest first, a page at a time; Dodo leaves some optional fields out of lists."""
        return self._list(
            "/payments", Payment, customer_id=customer_id, subscription_id=subscription_id, status=status, since=since
        )

    def get_invoice_pdf(self, payment_id: str) -> bytes:
        """Return the invoice of a payment as PDF."""
        path = f"/invoices/payments/{_segment(payment_id)}"
        return self._http.get_bytes(path, operation="GET /invoices/payments/{id}", content_type="application/pdf")

    def create_refund(
        self, payment_id: str, *, reason: str, metadata: Mapping[str, str], amounts: Mapping[str, int] | None = None
    ) -> Refund:
        """Refund a payment.

        Args:
            payment_id: the payment.
            reason: at most 3,000 characters; Dodo shows it to the customer.
            metadata: our notes on the refund.
            amounts: the cents including tax to refund by product; None: all that remains.

        Raises:
            AlreadyRefunded: the payment was refunded already.
            RefundTooHigh: the refund is larger than what remains of the payment.
            RefundTooLate: the payment is older than 90 days.
        """
        body: dict[str, Any] = {"payment_id": payment_id, "reason": reason, "metadata": dict(metadata)}
        if amounts is not None:
            body["items"] = [
                {"item_id": product_id, "amount": amount_cents, "tax_inclusive": True}
                for product_id, amount_cents in amounts.items()
            ]
        return self._http.send("POST", "/refunds", Refund, operation="POST /refunds", body=body)

    def get_refund(self, refund_id: str) -> Refund:
        """Return a refund."""
        return self._http.get(f"/refunds/{_segment(refund_id)}", Refund, operation="GET /refunds/{id}")

    def list_refunds(
        self, *, customer_id: str | None = None, subscription_id: str | None = None, since: datetime | None = None
    ) -> Iterator[Refund]:
        """Yield refunds, newest first, a page at a time."""
        return self._list("/refunds", Refund, customer_id=customer_id, subscription_id=subscription_id, since=since)

    def get_dispute(self, dispute_id: str) -> Dispute:
        """Return a dispute."""
        return self._http.get(f"/disputes/{_segment(dispute_id)}", Dispute, operation="GET /disputes/{id}")

    def list_disputes(self, *, customer_id: str | None = None, since: datetime | None = None) -> Iterator[Dispute]:
        """Yield disputes, newest first, a page at a time."""
        return self._list("/disputes", Dispute, customer_id=customer_id, since=since)

    def _change_subscription(self, subscription_id: str, body: Mapping[str, Any]) -> Subscription:
        path = f"/subscriptions/{_segment(subscription_id)}"
        return self._http.send("PATCH", path, Subscription, operation="PATCH /subscriptions/{id}", body=body)

    def _list[T: VendorModel](
        self, path: str, shape: type[T], *, since: datetime | None = None, **filters: str | None
    ) -> Iterator[T]:
        filters["created_at_gte"] = None if since is None else since.astimezone(UTC).isoformat()
        given: Params = {name: value for name, value in filters.items() if value is not None}
        for page_number in range(_MAX_PAGES):
            params = {**given, "page_number": page_number, "page_size": PAGE_SIZE}
            page = self._http.get(path, _Page[shape], operation=f"GET {path}", params=params)  # type: ignore[valid-type]
            yield from page.items
            if len(page.items) < PAGE_SIZE:
                return


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")


def _upgrade(product_id: str) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "quantity": 1,
        "proration_billing_mode": "prorated_immediately",
        "effective_at": "immediately",
        "on_payment_failure": "prevent_change",
        "cancel_scheduled_change_plan": True,
    }


def _page_url(text: str) -> str:
    """Return the address of a page of Dodo, to which the customer is sent; it must be https, or a stand-in's."""
    url = httpx.URL(text)
    if url.scheme != "https" and not endpoints.current().is_stand_in(PROVIDER):
        raise unreadable(_OK)
    return text
