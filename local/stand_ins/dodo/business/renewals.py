"""The end of a period: renewals, scheduled changes, failed charges and their repetition, and ends."""

from datetime import datetime

from local.stand_ins.dodo.business import charges, plan_changes
from local.stand_ins.dodo.business.books import Books
from local.stand_ins.dodo.business.clock import month_after
from local.stand_ins.dodo.business.notices import publish_dunning, publish_subscription
from local.stand_ins.dodo.business.records import Outcome, Payment, PlanChange, ScheduledChange, Status, Subscription


def next_due(subscription: Subscription) -> datetime | None:
    """Return when time alone changes the subscription; None: never."""
    times: list[datetime | None]
    match subscription.status:
        case Status.ACTIVE:
            times = [subscription.next_billing_at, subscription.expires_at]
        case Status.PAST_DUE:
            times = [subscription.past_due_ends_at, subscription.next_attempt_at, subscription.expires_at]
        case Status.ON_HOLD:
            times = [subscription.next_attempt_at, subscription.expires_at]
        case Status.PAUSED:
            times = [subscription.expires_at]
        case _:
            return None
    return min(moment for moment in times if moment is not None)


def pass_due(books: Books, subscription: Subscription) -> None:
    """Do what is due now."""
    now = books.now()
    if subscription.expires_at <= now:
        subscription.status = Status.EXPIRED
        publish_subscription(books, subscription, "expired", "updated")
    elif subscription.status is Status.ACTIVE:
        _end_period(books, subscription)
    elif subscription.past_due_ends_at is not None and subscription.past_due_ends_at <= now:
        subscription.past_due_ends_at = None
        subscription.status = Status.ON_HOLD
        publish_subscription(books, subscription, "on_hold", "updated")
    else:
        collect(books, subscription)


def end(books: Books, subscription: Subscription) -> None:
    """Cancel the subscription now."""
    subscription.status = Status.CANCELLED
    subscription.cancelled_at = books.now()
    subscription.pending_payment_id = None
    subscription.past_due_ends_at = None
    subscription.next_attempt_at = None
    publish_subscription(books, subscription, "cancelled", "updated")


def collect(books: Books, subscription: Subscription) -> Payment:
    """Charge what a past due or on-hold subscription owes, and renew it if that succeeds."""
    was_on_hold = subscription.status is Status.ON_HOLD
    attempts_after = books.policy.attempts_after
    subscription.attempts += 1
    now = books.now()
    starts_at = now if was_on_hold else subscription.next_billing_at
    ends_at = month_after(starts_at, anchor_day=now.day if was_on_hold else subscription.anchor_day)
    payment = _charge_period(books, subscription, starts_at, ends_at)
    if payment.status is Outcome.SUCCEEDED:
        subscription.anchor_day = now.day if was_on_hold else subscription.anchor_day
        _recover(books, subscription, payment)
    elif subscription.attempts < len(attempts_after):
        subscription.next_attempt_at = now + attempts_after[subscription.attempts]
    else:
        subscription.next_attempt_at = None
    return payment


def _recover(books: Books, subscription: Subscription, payment: Payment) -> None:
    publish_dunning_after = subscription.attempts > 0
    _renew(subscription, payment)
    publish_subscription(books, subscription, "active", "renewed", "updated", payment=payment)
    if publish_dunning_after:
        publish_dunning(books, subscription, "recovered", "recovered")


def _end_period(books: Books, subscription: Subscription) -> None:
    if subscription.cancel_at_next_billing_date:
        end(books, subscription)
        return
    change = subscription.scheduled_change
    if change is not None and _change_at_period_end(books, subscription, change):
        return
    starts_at = subscription.next_billing_at
    ends_at = month_after(starts_at, anchor_day=subscription.anchor_day)
    payment = _charge_period(books, subscription, starts_at, ends_at)
    if payment.status is Outcome.SUCCEEDED:
        _renew(subscription, payment)
        publish_subscription(books, subscription, "renewed", "updated", payment=payment)
    else:
        _owe(books, subscription)


def _change_at_period_end(books: Books, subscription: Subscription, scheduled: ScheduledChange) -> bool:
    """Apply the scheduled change, whose payment replaces the renewal's; False: it failed, and the old plan renews."""
    starts_at = subscription.next_billing_at
    ends_at = month_after(starts_at, anchor_day=subscription.anchor_day)
    product = books.products[scheduled.product_id]
    credit_cents = min(subscription.credit_cents, product.price_cents)
    is_billed = scheduled.mode != plan_changes.Mode.NO_BILL
    payment = charges.charge(
        books,
        subscription,
        amount_cents=product.price_cents - credit_cents if is_billed else 0,
        charge_type="plan_change",
        period=(starts_at, ends_at),
        outcome=_unattended_outcome(books, subscription),
        change=PlanChange(product.product_id, starts_at, ends_at),
    )
    if payment.status is not Outcome.SUCCEEDED and scheduled.keeps_plan_on_failure:
        subscription.scheduled_change = None
        return False
    is_paid = payment.status is Outcome.SUCCEEDED
    kept = subscription.previous_billing_at, subscription.next_billing_at, subscription.anchor_day
    plan_changes.apply(books, subscription, PlanChange(product.product_id, starts_at, ends_at))
    if is_paid:
        subscription.anchor_day = kept[2]
        subscription.credit_cents -= credit_cents if is_billed else 0
        publish_subscription(books, subscription, "plan_changed", "updated")
    else:
        subscription.previous_billing_at, subscription.next_billing_at, subscription.anchor_day = kept
        publish_subscription(books, subscription, "plan_changed")
        _owe(books, subscription)
    return True


def _charge_period(books: Books, subscription: Subscription, starts_at: datetime, ends_at: datetime) -> Payment:
    credit_cents = min(subscription.credit_cents, subscription.amount_cents)
    payment = charges.charge(
        books,
        subscription,
        amount_cents=subscription.amount_cents - credit_cents,
        charge_type="renewal",
        outcome=_unattended_outcome(books, subscription),
        period=(starts_at, ends_at),
    )
    if payment.status is Outcome.SUCCEEDED:
        subscription.credit_cents -= credit_cents
    return payment


def _unattended_outcome(books: Books, subscription: Subscription) -> Outcome:
    """Return how a charge without the customer ends: it never stays processing."""
    works = books.customers[subscription.customer_id].card.outcome is Outcome.SUCCEEDED
    return Outcome.SUCCEEDED if works else Outcome.FAILED


def _renew(subscription: Subscription, payment: Payment) -> None:
    assert payment.starts_at is not None  # noqa: S101 - renewals always have a period
    assert payment.ends_at is not None  # noqa: S101
    subscription.status = Status.ACTIVE
    subscription.previous_billing_at = payment.starts_at
    subscription.next_billing_at = payment.ends_at
    subscription.past_due_ends_at = None
    subscription.next_attempt_at = None
    subscription.attempts = 0


def _owe(books: Books, subscription: Subscription) -> None:
    """Put a subscription whose renewal failed into its grace period, or on hold if there is none."""
    now = books.now()
    policy = books.policy
    subscription.attempts = 0
    subscription.next_attempt_at = now + policy.attempts_after[0] if policy.attempts_after else None
    if policy.grace:
        subscription.past_due_ends_at = now + policy.grace
        subscription.status = Status.PAST_DUE
        publish_subscription(books, subscription, "past_due", "updated")
    else:
        subscription.status = Status.ON_HOLD
        publish_subscription(books, subscription, "on_hold", "updated")
    publish_dunning(books, subscription, "started", "recovering")
