"""Examples of billing: Ada pays for the Pro plan and looks at Business."""

from collections.abc import Mapping
from typing import Any

from functions.api.routers.billing import BillingHistory
from whyviral.billing import schemas

from .constants import page_of

_CHARGE = {"total_cents": 1_500, "tax_cents": 0, "customer_credits_cents": 0, "currency": "USD"}
_METHOD = {
    "id": "6f5e4d3c-2b1a-4c0d-9e8f-7a6b5c4d3e2f",
    "kind": "card",
    "brand": "visa",
    "last_four": "4242",
    "expiry_month": 8,
    "expiry_year": 2029,
    "is_default": True,
}
_ENTRY = {
    "kind": "payment",
    "id": "3c2b1a09-8f7e-4d6c-8b5a-4f3e2d1c0b9a",
    "at": "2026-11-01T12:00:00Z",
    "status": "SUCCEEDED",
    "plan": None,
    "amount_cents": 1_900,
    "tax_cents": 0,
    "refunded_cents": 0,
    "currency": "USD",
    "credits": None,
    "period_start": None,
    "period_end": None,
}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    schemas.SubscribeBody: {"plan": "pro"},
    schemas.CheckoutOut: {
        "subscription_id": "5d2e9c14-7f3a-4b6c-8d1e-2f3a4b5c6d7e",
        "status": "PENDING",
        "plan": "pro",
        "checkout_url": "https://checkout.dodopayments.com/session/cks_Ada",
    },
    schemas.UpgradeBody: {"plan": "business", "preview": True},
    schemas.ChargeOut: _CHARGE,
    schemas.PlanChangeOut: {
        "state": "preview",
        "plan": "business",
        "effective_at": "2026-11-16T12:00:00Z",
        "charge": _CHARGE,
        "payment_link": None,
    },
    schemas.PortalOut: {"url": "https://customer.dodopayments.com/session/Ada"},
    schemas.PaymentMethodOut: _METHOD,
    schemas.PaymentMethodsOut: {"payment_methods": [_METHOD]},
    schemas.HistoryEntryOut: _ENTRY,
    BillingHistory: page_of(_ENTRY),
}
