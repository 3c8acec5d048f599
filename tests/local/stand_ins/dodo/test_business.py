"""The payment service without HTTP: its months, charges and events, in virtual time."""

from datetime import UTC, datetime, timedelta

import pytest

from local.stand_ins.dodo.business import checkouts, passage, plan_changes, refunds, subscriptions
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT, Books, Policy
from local.stand_ins.dodo.business.clock import VirtualClock
from local.stand_ins.dodo.business.plan_changes import Mode
from local.stand_ins.dodo.business.records import Outcome, Payment, Status, Subscription
from local.stand_ins.dodo.business.refusals import BusinessRefusal

_JANUARY_31 = datetime(2028, 1, 31, 9, 30, tzinfo=UTC)
_DAY = timedelta(days=1)


def open_books(start: datetime = _JANUARY_31, policy: Policy | None = None) -> Books:
    return Books(clock=VirtualClock(start), policy=policy or Policy())


def subscribe(books: Books, product_id: str = PRO_PRODUCT) -> Subscription:
    checkout = checkouts.create_checkout(books, product_id=product_id, email="mara@example.com", name="Mara Lind")
    payment = checkouts.pay(books, checkout.session_id)
    return books.subscriptions[payment.subscription_id]


def last_payment(books: Books) -> Payment:
    return list(books.payments.values())[-1]


def types_since(books: Books, count: int) -> list[str]:
    return [event.type for event in books.events[count:]]


def test_a_paid_checkout_starts_a_subscription_for_a_month() -> None:
    books = open_books(datetime(2026, 3, 5, tzinfo=UTC))

    subscription = subscribe(books)

    assert (subscription.status, subscription.next_billing_at) == (Status.ACTIVE, datetime(2026, 4, 5, tzinfo=UTC))
    assert types_since(books, 0) == ["payment.succeeded", "subscription.active", "subscription.updated"]
    assert last_payment(books).total_cents == 1_900


@pytest.mark.parametrize(
    ("outcome", "status", "types"),
    [
        (Outcome.FAILED, Status.FAILED, ["payment.failed", "subscription.failed", "subscription.updated"]),
        (Outcome.PROCESSING, Status.PENDING, ["payment.processing"]),
        (Outcome.CANCELLED, Status.PENDING, ["payment.cancelled"]),
    ],
)
def test_a_first_payment_that_does_not_succeed_starts_nothing(
    outcome: Outcome, status: Status, types: list[str]
) -> None:
    books = open_books()
    checkout = checkouts.create_checkout(books, product_id=PRO_PRODUCT, email="mara@example.com", name="Mara")

    payment = checkouts.pay(books, checkout.session_id, outcome)

    assert books.subscriptions[payment.subscription_id].status is status
    assert types_since(books, 0) == types


def test_a_failed_checkout_can_be_paid_again_but_a_paid_one_cannot() -> None:
    books = open_books()
    checkout = checkouts.create_checkout(books, product_id=PRO_PRODUCT, email="mara@example.com", name="Mara")
    checkouts.pay(books, checkout.session_id, Outcome.FAILED)
    checkouts.pay(books, checkout.session_id)

    with pytest.raises(BusinessRefusal, match="CHECKOUT_SESSION_CONSUMED"):
        checkouts.pay(books, checkout.session_id)


def test_billing_dates_stay_on_the_last_day_of_short_months() -> None:
    books = open_books()
    subscription = subscribe(books)
    dates = [subscription.next_billing_at]

    for _ in range(3):
        passage.advance_to(books, subscription.next_billing_at)
        dates.append(subscription.next_billing_at)

    assert [(date.month, date.day) for date in dates] == [(2, 29), (3, 31), (4, 30), (5, 31)]


def test_a_year_of_passing_time_charges_each_month_at_its_own_date() -> None:
    books = open_books(datetime(2026, 1, 1, tzinfo=UTC))
    subscribe(books)

    passage.advance(books, timedelta(days=365))

    assert [payment.created_at.month for payment in books.payments.values()] == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
        11,
        12,
        1,
    ]
    assert types_since(books, 3)[:3] == ["payment.succeeded", "subscription.renewed", "subscription.updated"]
    times = [event.occurred_at for event in books.events]
    assert times == sorted(set(times))


def test_only_the_renewed_event_names_its_payment() -> None:
    books = open_books()
    subscription = subscribe(books)
    passage.advance_to(books, subscription.next_billing_at)

    named = {event.type: event.data["payment_id"] for event in books.events[-2:]}

    assert named == {"subscription.renewed": last_payment(books).payment_id, "subscription.updated": None}


def test_a_failed_renewal_puts_the_subscription_on_hold_until_a_later_charge_succeeds() -> None:
    books = open_books()
    subscription = subscribe(books)
    subscriptions.set_card(books, subscription.customer_id, Outcome.FAILED)
    count = len(books.events)
    passage.advance_to(books, subscription.next_billing_at)
    assert str(subscription.status) == "on_hold"
    assert types_since(books, count) == [
        "payment.failed",
        "subscription.on_hold",
        "subscription.updated",
        "dunning.started",
    ]
    subscriptions.set_card(books, subscription.customer_id, Outcome.SUCCEEDED)
    count = len(books.events)

    passage.advance(books, _DAY)

    assert str(subscription.status) == "active"
    assert types_since(books, count) == [
        "payment.succeeded",
        "subscription.active",
        "subscription.renewed",
        "subscription.updated",
        "dunning.recovered",
    ]
    assert last_payment(books).retry_attempt == 1


def test_a_grace_period_comes_before_the_hold() -> None:
    books = open_books(policy=Policy(grace=timedelta(days=5), attempts_after=()))
    subscription = subscribe(books)
    subscriptions.set_card(books, subscription.customer_id, Outcome.FAILED)
    passage.advance_to(books, subscription.next_billing_at)
    statuses = [str(subscription.status)]

    passage.advance(books, timedelta(days=5))

    assert [*statuses, str(subscription.status)] == ["past_due", "on_hold"]


def test_a_new_card_pays_what_an_on_hold_subscription_owes() -> None:
    books = open_books()
    subscription = subscribe(books)
    subscriptions.set_card(books, subscription.customer_id, Outcome.FAILED)
    passage.advance(books, timedelta(days=60))
    assert subscription.status is Status.ON_HOLD
    now = books.now()

    subscriptions.update_payment_method(books, subscription.subscription_id)

    assert (subscription.status, subscription.previous_billing_at) == (Status.ACTIVE, now)


def test_an_upgrade_charges_the_rest_of_the_period_at_the_difference_of_the_prices() -> None:
    books = open_books(datetime(2026, 4, 1, tzinfo=UTC))
    subscription = subscribe(books)
    passage.advance(books, timedelta(days=15))  # of 30

    plan_changes.change_now(books, subscription.subscription_id, BUSINESS_PRODUCT)

    assert (last_payment(books).total_cents, subscription.product_id) == (1_500, BUSINESS_PRODUCT)
    assert subscription.next_billing_at == datetime(2026, 5, 1, tzinfo=UTC)


def test_an_upgrade_whose_payment_fails_keeps_the_old_plan() -> None:
    books = open_books()
    subscription = subscribe(books)
    subscriptions.set_card(books, subscription.customer_id, Outcome.FAILED)
    count = len(books.events)

    plan_changes.change_now(books, subscription.subscription_id, BUSINESS_PRODUCT)

    assert (subscription.product_id, subscription.status) == (PRO_PRODUCT, Status.ACTIVE)
    assert types_since(books, count) == ["payment.failed"]


def test_a_second_change_is_refused_while_the_payment_of_the_first_is_processing() -> None:
    books = open_books()
    subscription = subscribe(books)
    payment = plan_changes.change_now(books, subscription.subscription_id, BUSINESS_PRODUCT, outcome=Outcome.PROCESSING)
    assert payment is not None

    with pytest.raises(BusinessRefusal, match="PREVIOUS_PAYMENT_PENDING"):
        plan_changes.change_now(books, subscription.subscription_id, BUSINESS_PRODUCT)
    subscriptions.settle(books, payment.payment_id, Outcome.SUCCEEDED)

    assert subscription.product_id == BUSINESS_PRODUCT


def test_an_immediate_downgrade_becomes_credit_that_pays_later_renewals() -> None:
    books = open_books(datetime(2026, 4, 1, tzinfo=UTC))
    subscription = subscribe(books, BUSINESS_PRODUCT)
    plan_changes.change_now(books, subscription.subscription_id, PRO_PRODUCT, mode=Mode.DIFFERENCE)
    assert subscription.credit_cents == 3_000

    passage.advance_to(books, subscription.next_billing_at)
    passage.advance_to(books, subscription.next_billing_at)

    totals = [payment.total_cents for payment in books.payments.values()]
    assert (totals, subscription.credit_cents) == ([4_900, 0, 800], 0)


def test_a_scheduled_downgrade_costs_the_new_price_at_the_billing_date() -> None:
    books = open_books()
    subscription = subscribe(books, BUSINESS_PRODUCT)
    plan_changes.schedule(books, subscription.subscription_id, PRO_PRODUCT)
    assert subscription.product_id == BUSINESS_PRODUCT

    passage.advance_to(books, subscription.next_billing_at)

    assert (subscription.product_id, subscription.scheduled_change) == (PRO_PRODUCT, None)
    assert last_payment(books).total_cents == 1_900
    assert (subscription.next_billing_at.month, subscription.next_billing_at.day) == (3, 31)


def test_a_scheduled_cancellation_ends_at_the_billing_date_unless_undone() -> None:
    books = open_books()
    kept, ended = subscribe(books), subscribe(books)
    for subscription in (kept, ended):
        subscriptions.schedule_cancellation(books, subscription.subscription_id)
    subscriptions.undo_cancellation(books, kept.subscription_id)

    passage.advance_to(books, ended.next_billing_at)

    assert (kept.status, ended.status) == (Status.ACTIVE, Status.CANCELLED)
    with pytest.raises(BusinessRefusal, match="SUBSCRIPTION_INACTIVE"):
        subscriptions.undo_cancellation(books, ended.subscription_id)


def test_a_plan_cannot_change_while_a_cancellation_is_scheduled() -> None:
    books = open_books()
    subscription = subscribe(books)
    subscriptions.schedule_cancellation(books, subscription.subscription_id)

    with pytest.raises(BusinessRefusal, match="SCHEDULED_CANCELLATION"):
        plan_changes.change_now(books, subscription.subscription_id, BUSINESS_PRODUCT)


def test_a_paused_subscription_is_not_charged_and_pays_when_it_resumes() -> None:
    books = open_books()
    subscription = subscribe(books)
    subscriptions.pause(books, subscription.subscription_id)
    passage.advance(books, timedelta(days=100))
    assert len(books.payments) == 1

    subscriptions.resume(books, subscription.subscription_id)
    passage.catch_up(books)

    assert (len(books.payments), subscription.previous_billing_at) == (2, books.now())


def test_refunds_add_up_to_the_payment_and_no_more() -> None:
    books = open_books()
    subscribe(books)
    payment = last_payment(books)
    first = refunds.refund(books, payment.payment_id, amount_cents=500)
    with pytest.raises(BusinessRefusal, match="REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT"):
        refunds.refund(books, payment.payment_id, amount_cents=1_401)

    second = refunds.refund(books, payment.payment_id)

    assert (first.amount_cents + second.amount_cents, first.is_partial) == (1_900, True)
    with pytest.raises(BusinessRefusal, match="PAYMENT_ALREADY_REFUNDED"):
        refunds.refund(books, payment.payment_id)


def test_a_payment_cannot_be_refunded_after_ninety_days() -> None:
    books = open_books()
    subscribe(books)
    payment = last_payment(books)
    passage.advance(books, timedelta(days=90, seconds=1))

    with pytest.raises(BusinessRefusal, match="REFUND_WINDOW_EXPIRED"):
        refunds.refund(books, payment.payment_id)


def test_a_subscription_expires_at_the_end_of_its_term() -> None:
    books = open_books(policy=Policy(term_years=1))
    subscription = subscribe(books)

    passage.advance(books, timedelta(days=367))

    assert subscription.status is Status.EXPIRED
    assert types_since(books, len(books.events) - 2) == ["subscription.expired", "subscription.updated"]


def test_the_same_history_has_the_same_ids() -> None:
    first, second = open_books(), open_books()
    for books in (first, second):
        subscribe(books)
        passage.advance(books, timedelta(days=40))

    assert first.events == second.events
