"""Routes that buy, change and end a plan, and show the billing history."""

import uuid
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.billing_pages import CANCEL_PATH, SUCCESS_PATH
from functions.api.dependencies import PageNumber, ServicesDep, SessionDep
from functions.api.error_responses import PROVIDER, error_responses
from functions.api.idempotent_call import IdempotentCallDep, call_responses, response_of
from functions.api.pages import PageOut, page_out
from whyviral.accounts.schemas import SubscriptionOut
from whyviral.billing import checkout, plan_changes, refusals, repository
from whyviral.billing.checkout import Pages
from whyviral.billing.history import read_history
from whyviral.billing.notices import get_current_subscription
from whyviral.billing.plan_changes import PlanChange
from whyviral.billing.provider_calls import calling
from whyviral.billing.schemas import (
    ChargeOut,
    CheckoutOut,
    HistoryEntryOut,
    InvoicePdf,
    PaymentMethodOut,
    PaymentMethodsOut,
    PlanChangeOut,
    PortalOut,
    SubscribeBody,
    UpgradeBody,
)
from whyviral.throttling.rate_limits import RatePolicy

PREFIX = "/api/billing"
BILLING_RATE = RatePolicy("billing", limit=30, window=timedelta(hours=1))
router = APIRouter(
    prefix=PREFIX, tags=["billing"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)
_CHANGE_ERRORS = (
    *PROVIDER,
    refusals.PlanNotFound,
    refusals.NoPaidSubscription,
    refusals.AlreadyOnPlan,
    refusals.SubscriptionEnding,
    refusals.PaymentOnHold,
    refusals.PlanChangeInProgress,
)


class PdfResponse(JSONResponse):
    """A PDF, which is bytes already; the base class makes FastAPI document it by its model."""

    media_type = "application/pdf"

    def render(self, content: bytes) -> bytes:
        """Return the bytes as they are."""
        return content


class BillingHistory(PageOut[HistoryEntryOut]):
    """One page of the billing history."""


@router.post(
    "/subscribe/",
    response_model=CheckoutOut,
    responses=call_responses(
        200,
        *PROVIDER,
        refusals.PlanNotFound,
        refusals.AlreadyOnPlan,
        refusals.AlreadySubscribed,
        refusals.PaymentOnHold,
        refusals.EmailNeeded,
        refusals.CheckoutInProgress,
    ),
)
def start_checkout(body: SubscribeBody, call: IdempotentCallDep, services: ServicesDep) -> Any:
    """Return the address of a checkout for a plan. A second call returns the same open checkout."""
    base = services.public_base_url
    with call.run_once(body, rate=BILLING_RATE) as once:
        row = checkout.start_checkout(
            once.session,
            call.user,
            body.plan,
            connect=services.dodo,
            pages=Pages(success_url=base + SUCCESS_PATH, cancel_url=base + CANCEL_PATH),
            now=services.clock(),
        )
        answer = CheckoutOut(subscription_id=row.id, plan=body.plan, checkout_url=str(row.checkout_url))
        return response_of(once.answer(answer, status_code=200))


@router.post("/upgrade/", response_model=PlanChangeOut, responses=call_responses(200, *_CHANGE_ERRORS))
def change_plan(body: UpgradeBody, call: IdempotentCallDep, services: ServicesDep) -> Any:
    """Move to another plan: a dearer one now for the rest of the period, a cheaper one at its end."""
    with call.run_once(body, rate=BILLING_RATE) as once:
        change = plan_changes.change_plan(
            once.session,
            call.user,
            body.plan,
            is_preview=body.preview,
            connect=services.dodo,
            now=services.clock(),
        )
        return response_of(once.answer(_change_out(change), status_code=200))


@router.post(
    "/cancel/",
    response_model=SubscriptionOut,
    responses=call_responses(200, *PROVIDER, refusals.NothingToCancel),
)
def cancel_subscription(call: IdempotentCallDep, services: ServicesDep) -> Any:
    """End the paid plan with its period. Until then nothing changes, and the cancellation can be undone."""
    with call.run_once(None, rate=BILLING_RATE) as once:
        plan_changes.cancel(once.session, call.user, connect=services.dodo, now=services.clock())
        return response_of(once.answer(get_current_subscription(once.session, call.user.id), status_code=200))


@router.post(
    "/cancel/undo/",
    response_model=SubscriptionOut,
    responses=call_responses(200, *PROVIDER, refusals.NothingToUndo),
)
def undo_cancellation(call: IdempotentCallDep, services: ServicesDep) -> Any:
    """Undo a scheduled cancellation, or else a scheduled downgrade."""
    with call.run_once(None, rate=BILLING_RATE) as once:
        plan_changes.undo(once.session, call.user, connect=services.dodo, now=services.clock())
        return response_of(once.answer(get_current_subscription(once.session, call.user.id), status_code=200))


@router.post(
    "/portal/",
    response_model=PortalOut,
    responses=call_responses(200, *PROVIDER, refusals.NoBillingAccount),
)
def create_portal_link(call: IdempotentCallDep, services: ServicesDep) -> Any:
    """Return a short-lived address of the portal, where customers change their card and settle what is overdue."""
    with call.run_once(None, rate=BILLING_RATE) as once:
        customer_id = repository.find_customer_id(once.session, call.user.id)
        if customer_id is None:
            raise refusals.NoBillingAccount
        with calling(once.session, services.dodo, call.user.id) as dodo:
            url = dodo.create_portal_link(customer_id, return_url=services.frontend_url)
        return response_of(once.answer(PortalOut(url=url), status_code=200))


@router.get("/payment-methods/", response_model=PaymentMethodsOut)
def list_payment_methods(user: CurrentUser, session: SessionDep) -> Any:
    """List the caller's payment methods."""
    methods = repository.list_payment_methods(session, user.id)
    out = [
        PaymentMethodOut(
            id=method.id,
            kind=method.kind,
            brand=method.brand,
            last_four=method.last_four,
            expiry_month=method.expiry_month,
            expiry_year=method.expiry_year,
            is_default=is_default,
        )
        for method, is_default in methods
    ]
    return PaymentMethodsOut(payment_methods=out)


@router.get("/subscription/history/", response_model=BillingHistory)
def list_billing_history(
    request: Request, user: CurrentUser, session: SessionDep, services: ServicesDep, page: PageNumber = 1
) -> Any:
    """List subscriptions, payments, invoices, refunds and credits of the caller, newest first."""
    found = read_history(session, user.id, page=page)
    return page_out(found, BillingHistory, request=request, services=services)


@router.get(
    "/invoices/{invoice_id}/pdf/",
    response_class=PdfResponse,
    responses={
        **error_responses(*SIGNED_IN, *PROVIDER, refusals.InvoiceNotFound),
        200: {"model": InvoicePdf, "description": "The invoice."},
    },
)
def get_invoice_pdf(invoice_id: uuid.UUID, user: CurrentUser, session: SessionDep, services: ServicesDep) -> Response:
    """Return an invoice of the caller as PDF."""
    payment_id = repository.find_invoiced_payment_id(session, user.id, invoice_id)
    if payment_id is None:
        raise refusals.InvoiceNotFound
    with calling(session, services.dodo, user.id) as dodo:
        content = dodo.get_invoice_pdf(payment_id)
    disposition = f'attachment; filename="invoice-{invoice_id}.pdf"'
    return PdfResponse(content, headers={"Content-Disposition": disposition})


def _change_out(change: PlanChange) -> PlanChangeOut:
    charge = None
    if change.charge is not None:
        charge = ChargeOut(
            total_cents=change.charge.total_amount,
            tax_cents=change.charge.tax or 0,
            customer_credits_cents=change.charge.customer_credits or 0,
            currency=change.charge.currency,
        )
    return PlanChangeOut(
        state=change.state,
        plan=change.plan.slug,
        effective_at=change.effective_at,
        charge=charge,
        payment_link=change.payment_link,
    )
