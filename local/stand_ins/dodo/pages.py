"""The pages that a customer sees at Dodo: the checkout, and the portal with their subscriptions."""

from html import escape
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from local.stand_ins.dodo.business import checkouts, plan_changes, subscriptions
from local.stand_ins.dodo.business.books import Books
from local.stand_ins.dodo.business.records import ENDED, Checkout, Outcome, Subscription
from local.stand_ins.dodo.business.refusals import invalid
from local.stand_ins.dodo.current_books import CurrentBooks

router = APIRouter(prefix="/dodo")

_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
_STYLE = (
    "body{font:16px/1.5 system-ui;max-width:34rem;margin:4rem auto;padding:0 1rem}"
    "button{font:inherit;padding:.4rem .9rem;margin:.2rem .4rem .2rem 0}small{color:#555}"
)
_BUTTONS = {
    Outcome.SUCCEEDED: "Pay",
    Outcome.FAILED: "Pay with a card that is declined",
    Outcome.PROCESSING: "Pay, and let the bank take its time",
    Outcome.CANCELLED: "Cancel",
}


@router.get("/checkout/{session_id}", name="show_checkout")
async def show_checkout(books: CurrentBooks, session_id: str) -> HTMLResponse:
    """Show what is bought, with a button for each way in which a payment can end."""
    checkout = checkouts.require_open(books, session_id)
    product = books.get_product(checkout.product_id)
    buttons = "".join(_button(f"{session_id}/pay?outcome={outcome}", text) for outcome, text in _BUTTONS.items())
    return _page(
        "Checkout",
        f"<p>{escape(product.name)}, {_money(product.price_cents, product.currency)} a month</p>"
        f"<p>{escape(checkout.email)}</p>{buttons}",
    )


@router.post("/checkout/{session_id}/pay")
async def pay(books: CurrentBooks, session_id: str, outcome: Outcome) -> Response:
    """Pay, and return to the seller."""
    payment = checkouts.pay(books, session_id, outcome)
    query = {
        "subscription_id": payment.subscription_id,
        "payment_id": payment.payment_id,
        "status": str(payment.status),
    }
    return _redirect(books.get_checkout(session_id), outcome, query)


@router.get("/portal/{customer_id}", name="show_portal")
async def show_portal(books: CurrentBooks, customer_id: str) -> HTMLResponse:
    """Show the customer's subscriptions, with buttons for what can be done to them."""
    customer = books.get_customer(customer_id)
    owned = [each for each in books.subscriptions.values() if each.customer_id == customer_id]
    listed = "".join(_listed(books, each) for each in owned) or "<p>No subscriptions.</p>"
    return _page("Customer portal", f"<p>{escape(customer.email)}</p>{listed}")


@router.post("/portal/{customer_id}/{subscription_id}/{action}")
async def act(books: CurrentBooks, customer_id: str, subscription_id: str, action: str) -> Response:
    """Do what a button of the portal says."""
    subscription = books.get_subscription(subscription_id)
    if subscription.customer_id != customer_id:
        raise invalid("the subscription belongs to another customer")
    match action:
        case "cancel":
            subscriptions.schedule_cancellation(books, subscription_id)
        case "undo":
            subscriptions.undo_cancellation(books, subscription_id)
        case "undo-change":
            plan_changes.cancel_scheduled(books, subscription_id)
        case "good-card":
            subscriptions.update_payment_method(books, subscription_id, Outcome.SUCCEEDED)
        case "bad-card":
            subscriptions.update_payment_method(books, subscription_id, Outcome.FAILED)
        case _:
            raise invalid("there is no such button")
    return RedirectResponse(f"/dodo/portal/{customer_id}", 303)


def _listed(books: Books, subscription: Subscription) -> str:
    product = books.get_product(subscription.product_id)
    text = f"<p>{escape(product.name)}: {subscription.status}, until {subscription.next_billing_at:%d %B %Y}"
    if subscription.scheduled_change is not None:
        text += f"; then {escape(books.get_product(subscription.scheduled_change.product_id).name)}"
    if subscription.cancel_at_next_billing_date:
        text += "; then it ends"
    return f"{text}</p>" + "".join(
        _button(f"{subscription.customer_id}/{subscription.subscription_id}/{action}", label)
        for action, label in _actions(subscription)
    )


def _actions(subscription: Subscription) -> list[tuple[str, str]]:
    if subscription.status in ENDED:
        return []
    is_ending = subscription.cancel_at_next_billing_date
    actions = [("undo", "Do not cancel")] if is_ending else [("cancel", "Cancel at the end of the period")]
    if subscription.scheduled_change is not None:
        actions.append(("undo-change", "Keep the current plan"))
    return [*actions, ("good-card", "Replace the card"), ("bad-card", "Use a card that is declined")]


def _redirect(checkout: Checkout, outcome: Outcome, query: dict[str, str]) -> Response:
    url = checkout.cancel_url if outcome is Outcome.CANCELLED else checkout.return_url
    if url is None:
        return _page("Thank you", f"<p>The payment is {escape(query['status'])}.</p>")
    return RedirectResponse(f"{url}{'&' if '?' in url else '?'}{urlencode(query)}", 303)


def _button(action: str, text: str) -> str:
    return f'<form method="post" action="{escape(action)}"><button>{escape(text)}</button></form>'


def _money(cents: int, currency: str) -> str:
    return f"{cents // 100}.{cents % 100:02} {escape(currency)}"


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{body}<p><small>A stand-in for Dodo Payments. No money is charged.</small></p></html>",
        headers=_HEADERS,
    )
