"""What customers and merchants do to a subscription: cancel, undo, pause, resume, and pay what is due."""

from local.stand_ins.dodo.business import charges, checkouts, plan_changes, renewals
from local.stand_ins.dodo.business.books import Books
from local.stand_ins.dodo.business.notices import publish_subscription
from local.stand_ins.dodo.business.records import ENDED, OWING, Card, Outcome, Payment, Status, Subscription
from local.stand_ins.dodo.business.refusals import inactive, invalid


def schedule_cancellation(books: Books, subscription_id: str) -> None:
    """End a subscription at its next billing date; one whose renewal is unpaid ends now."""
    subscription = _living(books, subscription_id)
    subscription.cancel_at_next_billing_date = True
    if subscription.status in OWING:
        renewals.end(books, subscription)
    else:
        publish_subscription(books, subscription, "updated")


def undo_cancellation(books: Books, subscription_id: str) -> None:
    """Let a subscription continue; without a scheduled cancellation nothing changes."""
    subscription = _living(books, subscription_id)
    if subscription.cancel_at_next_billing_date:
        subscription.cancel_at_next_billing_date = False
        publish_subscription(books, subscription, "updated")


def cancel_now(books: Books, subscription_id: str) -> None:
    """End a subscription at once."""
    subscription = _living(books, subscription_id)
    subscription.cancel_at_next_billing_date = False
    renewals.end(books, subscription)


def pause(books: Books, subscription_id: str) -> None:
    """Pause an active subscription; nothing is charged until it is resumed."""
    subscription = books.get_subscription(subscription_id)
    if subscription.status is not Status.ACTIVE:
        raise inactive()
    subscription.status = Status.PAUSED
    subscription.paused_at = books.now()
    publish_subscription(books, subscription, "paused", "updated")


def resume(books: Books, subscription_id: str) -> None:
    """Resume a paused subscription; if its period is over, a new one starts now and is charged."""
    subscription = books.get_subscription(subscription_id)
    if subscription.status is not Status.PAUSED:
        raise inactive()
    subscription.status = Status.ACTIVE
    subscription.paused_at = None
    publish_subscription(books, subscription, "unpaused", "updated")
    now = books.now()
    if subscription.next_billing_at <= now:
        subscription.next_billing_at = now
        subscription.anchor_day = now.day
        renewals.pass_due(books, subscription)


def set_card(books: Books, customer_id: str, outcome: Outcome) -> Card:
    """Make charges to a customer's card end in the given way from now on; nothing that we publish shows it."""
    card = books.get_customer(customer_id).card
    card.outcome = outcome
    return card


def update_payment_method(books: Books, subscription_id: str, outcome: Outcome = Outcome.SUCCEEDED) -> Payment | None:
    """Replace the card, and charge what a past due or on-hold subscription owes; returns that payment.

    The new card is charged for the customer's other subscriptions, too.
    """
    subscription = _living(books, subscription_id)
    customer = books.customers[subscription.customer_id]
    customer.card = Card(books.new_id("pm"), last_four="1881", holder=customer.name, outcome=outcome)
    for each in books.subscriptions.values():
        if each.customer_id == customer.customer_id and each.status not in ENDED and each.status != Status.PENDING:
            each.payment_method_id = customer.card.payment_method_id
            names = ("update_payment_method", "updated") if each is subscription else ("updated",)
            publish_subscription(books, each, *names)
    return renewals.collect(books, subscription) if subscription.status in OWING else None


def settle(books: Books, payment_id: str, outcome: Outcome) -> None:
    """End a payment that is processing."""
    payment = books.get_payment(payment_id)
    if payment.status is not Outcome.PROCESSING or outcome is Outcome.PROCESSING:
        raise invalid("The payment is not processing, or this does not end it")
    charges.set_status(books, payment, outcome)
    subscription = books.subscriptions[payment.subscription_id]
    if subscription.status in ENDED:
        return
    if payment.change is not None:
        _move_change(subscription, payment)
        plan_changes.settle_change(books, subscription, payment, keeps_plan_on_failure=True)
    else:
        checkouts.begin_or_fail(books, subscription, payment)


def _move_change(subscription: Subscription, payment: Payment) -> None:
    """Keep the current period if the subscription was renewed while the payment of its change was processing."""
    change = payment.change
    if change is not None and subscription.next_billing_at > change.ends_at:
        change.starts_at, change.ends_at = subscription.previous_billing_at, subscription.next_billing_at


def _living(books: Books, subscription_id: str) -> Subscription:
    subscription = books.get_subscription(subscription_id)
    if subscription.status in ENDED:
        raise inactive()
    return subscription
