"""The JSON forms of the records, complete as in the API and its webhooks. Source: dodopayments 1.123.0, types/."""

from typing import Any

from local.stand_ins.dodo.business.books import BUSINESS_ID, Books
from local.stand_ins.dodo.business.clock import as_text
from local.stand_ins.dodo.business.records import (
    Card,
    CreditEntry,
    Customer,
    Dispute,
    Outcome,
    Payment,
    Refund,
    ScheduledChange,
    Subscription,
)

type Json = dict[str, Any]

_BILLING = {"country": "US", "city": None, "state": None, "street": None, "zipcode": "94103"}
_DECLINED = {"error_code": "INSUFFICIENT_FUNDS", "error_message": "The card has insufficient funds."}
_NOT_DECLINED = {"error_code": None, "error_message": None}


def customer_json(customer: Customer) -> Json:
    """Return a customer."""
    return customer_ref(customer) | {
        "business_id": BUSINESS_ID,
        "created_at": as_text(customer.created_at),
        "blocked_at": None,
        "blocklist_entry_id": None,
        "preferred_locale": None,
    }


def customer_ref(customer: Customer) -> Json:
    """Return a customer as part of another document."""
    return {
        "customer_id": customer.customer_id,
        "email": customer.email,
        "name": customer.name,
        "phone_number": customer.phone_number,
        "metadata": dict(customer.metadata),
    }


def payment_method_json(card: Card) -> Json:
    """Return a saved card."""
    return {
        "payment_method_id": card.payment_method_id,
        "payment_method": "card",
        "payment_method_type": card.kind,
        "recurring_enabled": True,
        "last_used_at": None,
        "card": {
            "card_holder_name": card.holder,
            "card_issuing_country": "US",
            "card_network": card.network,
            "card_type": card.kind,
            "expiry_month": card.exp_month,
            "expiry_year": card.exp_year,
            "last4_digits": card.last_four,
        },
    }


def subscription_json(books: Books, subscription: Subscription, *, payment_id: str | None = None) -> Json:
    """Return a subscription; `payment_id` is set in `subscription.renewed` only."""
    customer = books.customers[subscription.customer_id]
    return {
        "subscription_id": subscription.subscription_id,
        "status": str(subscription.status),
        "product_id": subscription.product_id,
        "quantity": 1,
        "customer": customer_ref(customer),
        "billing": dict(_BILLING),
        "brand_id": BUSINESS_ID,
        "currency": subscription.currency,
        "recurring_pre_tax_amount": subscription.amount_cents,
        "tax_inclusive": False,
        "tax_id": None,
        "customer_business_name": None,
        "payment_frequency_count": 1,
        "payment_frequency_interval": "Month",
        "subscription_period_count": books.policy.term_years,
        "subscription_period_interval": "Year",
        "created_at": as_text(subscription.created_at),
        "previous_billing_date": as_text(subscription.previous_billing_at),
        "next_billing_date": as_text(subscription.next_billing_at),
        "expires_at": as_text(subscription.expires_at),
        "trial_period_days": 0,
        "trial_amount": None,
        "cancel_at_next_billing_date": subscription.cancel_at_next_billing_date,
        "cancelled_at": as_text(subscription.cancelled_at),
        "cancelled_by": None,
        "cancellation_feedback": None,
        "cancellation_comment": None,
        "paused_at": as_text(subscription.paused_at),
        "past_due_ends_at": as_text(subscription.past_due_ends_at),
        "payment_id": payment_id,
        "scheduled_change": _scheduled_json(books, subscription.scheduled_change),
        "has_payment_method": True,
        "payment_method_id": subscription.payment_method_id,
        "on_demand": False,
        "addons": [],
        "meters": [],
        "credit_entitlement_cart": [],
        "meter_credit_entitlement_cart": [],
        "discounts": [],
        "discount_id": None,
        "discount_cycles_remaining": None,
        "custom_field_responses": None,
        "metadata": dict(subscription.metadata),
    }


def _scheduled_json(books: Books, change: ScheduledChange | None) -> Json | None:
    if change is None:
        return None
    return {
        "id": change.id,
        "addons": [],
        "created_at": as_text(change.created_at),
        "effective_at": as_text(change.effective_at),
        "product_id": change.product_id,
        "product_name": books.products[change.product_id].name,
        "product_description": None,
        "quantity": 1,
    }


def payment_json(books: Books, payment: Payment) -> Json:
    """Return a payment."""
    refunds = [refund for refund in books.refunds.values() if refund.payment_id == payment.payment_id]
    disputes = [dispute for dispute in books.disputes.values() if dispute.payment_id == payment.payment_id]
    refunded_cents = sum(refund.amount_cents for refund in refunds if refund.status == "succeeded")
    return {
        "payment_id": payment.payment_id,
        "status": str(payment.status),
        "business_id": BUSINESS_ID,
        "brand_id": BUSINESS_ID,
        "total_amount": payment.total_cents,
        "tax": payment.tax_cents,
        "currency": payment.currency,
        "settlement_amount": payment.total_cents,
        "settlement_tax": payment.tax_cents,
        "settlement_currency": payment.currency,
        "subscription_id": payment.subscription_id,
        "subscription_ids": [payment.subscription_id],
        "is_multi_subscription": False,
        "charge_type": payment.charge_type,
        "includes_usage": False,
        "is_update_payment_method": False,
        "retry_attempt": payment.retry_attempt,
        "service_periods": _service_periods(payment),
        "customer": customer_ref(books.customers[payment.customer_id]),
        "billing": dict(_BILLING),
        "payment_method": "card",
        "payment_provider": "dodo",
        **_card_facts(payment.card),
        "three_ds_flow": None,
        "three_ds_status": None,
        "three_ds_version": None,
        "checkout_session_id": payment.checkout_session_id,
        "payment_link": None,
        "invoice_id": payment.invoice_id,
        "invoice_url": None,
        **(_DECLINED if payment.status is Outcome.FAILED else _NOT_DECLINED),
        "product_cart": None,
        "disputes": [dispute_json(dispute) for dispute in disputes],
        "refunds": [refund_json(books, refund) for refund in refunds],
        "refund_status": None if not refunded_cents else "full" if refunded_cents == payment.total_cents else "partial",
        "discounts": [],
        "discount_id": None,
        "digital_products_delivered": False,
        "custom_field_responses": None,
        "created_at": as_text(payment.created_at),
        "updated_at": as_text(payment.updated_at),
        "metadata": dict(payment.metadata),
    }


_LISTED_WITHOUT = (
    "billing",
    "business_id",
    "card_holder_name",
    "card_issuing_country",
    "custom_field_responses",
    "discount_id",
    "discounts",
    "disputes",
    "error_code",
    "error_message",
    "is_update_payment_method",
    "payment_link",
    "payment_method_id",
    "product_cart",
    "refunds",
    "settlement_amount",
    "settlement_currency",
    "settlement_tax",
    "tax",
    "updated_at",
)


def listed_payment_json(books: Books, payment: Payment) -> Json:
    """Return a payment in the reduced form of lists."""
    document = {key: value for key, value in payment_json(books, payment).items() if key not in _LISTED_WITHOUT}
    return document | {"has_license_key": False, "dispute_status": None}


def _card_facts(card: Card) -> Json:
    return {
        "payment_method_type": card.kind,
        "payment_method_id": card.payment_method_id,
        "card_last_four": card.last_four,
        "card_network": card.network,
        "card_type": card.kind,
        "card_issuing_country": "US",
        "card_exp_month": card.exp_month,
        "card_exp_year": card.exp_year,
        "card_holder_name": card.holder,
    }


def _service_periods(payment: Payment) -> list[Json]:
    if payment.status is not Outcome.SUCCEEDED or payment.starts_at is None:
        return []
    return [
        {
            "subscription_id": payment.subscription_id,
            "starts_at": as_text(payment.starts_at),
            "ends_at": as_text(payment.ends_at),
            "proration_factor": "1",
        }
    ]


def refund_json(books: Books, refund: Refund) -> Json:
    """Return a refund."""
    customer = books.customers[books.payments[refund.payment_id].customer_id]
    return {
        "refund_id": refund.refund_id,
        "payment_id": refund.payment_id,
        "business_id": BUSINESS_ID,
        "brand_id": BUSINESS_ID,
        "status": refund.status,
        "amount": refund.amount_cents,
        "currency": refund.currency,
        "is_partial": refund.is_partial,
        "reason": refund.reason,
        "customer": customer_ref(customer),
        "metadata": dict(refund.metadata),
        "created_at": as_text(refund.created_at),
        "network_reference": None,
        "network_reference_type": None,
        "network_reference_updated_at": None,
    }


def dispute_json(dispute: Dispute) -> Json:
    """Return a dispute as in webhooks."""
    return {
        "dispute_id": dispute.dispute_id,
        "payment_id": dispute.payment_id,
        "business_id": BUSINESS_ID,
        "amount": str(dispute.amount_cents),
        "currency": dispute.currency,
        "dispute_stage": dispute.stage,
        "dispute_status": dispute.status,
        "remarks": None,
        "is_resolved_by_rdr": False,
        "created_at": as_text(dispute.created_at),
    }


def full_dispute_json(books: Books, dispute: Dispute) -> Json:
    """Return a dispute as in the API."""
    customer = books.customers[books.payments[dispute.payment_id].customer_id]
    extra = {"customer": customer_ref(customer), "brand_id": BUSINESS_ID, "payment_provider": "dodo"}
    return dispute_json(dispute) | extra | {"reason": dispute.reason}


def credit_json(entry: CreditEntry) -> Json:
    """Return a change of credits."""
    return {
        "id": entry.id,
        "amount": str(entry.amount),
        "balance_before": str(entry.balance_before),
        "balance_after": str(entry.balance_after),
        "overage_before": "0",
        "overage_after": "0",
        "brand_id": BUSINESS_ID,
        "business_id": BUSINESS_ID,
        "created_at": as_text(entry.created_at),
        "credit_entitlement_id": "cde_stand_in",
        "customer_id": entry.customer_id,
        "is_credit": entry.is_credit,
        "metadata": {},
        "transaction_type": entry.kind,
        "description": None,
        "grant_id": None,
        "reference_id": None,
        "reference_type": None,
    }


def current_data(books: Books, data: Json) -> Json:
    """Return the object of an event as it is now; an object that is not kept in the books is unchanged."""
    match data.get("payload_type"):
        case "Subscription":
            subscription = books.subscriptions[data["subscription_id"]]
            return data | subscription_json(books, subscription, payment_id=data["payment_id"])
        case "Payment":
            return data | payment_json(books, books.payments[data["payment_id"]])
        case "Refund":
            return data | refund_json(books, books.refunds[data["refund_id"]])
        case "Dispute":
            return data | dispute_json(books.disputes[data["dispute_id"]])
        case _:
            return data
