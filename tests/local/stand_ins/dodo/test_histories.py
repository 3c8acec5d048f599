"""Random histories of the payment service: what it publishes is what it keeps, and its cents add up."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from local.stand_ins.dodo.business import checkouts, passage, plan_changes, refunds, subscriptions
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT, Books, Policy
from local.stand_ins.dodo.business.clock import VirtualClock
from local.stand_ins.dodo.business.documents import payment_json, subscription_json
from local.stand_ins.dodo.business.plan_changes import Mode
from local.stand_ins.dodo.business.records import Outcome, Status
from local.stand_ins.dodo.business.refusals import BusinessRefusal

_PRODUCTS = (PRO_PRODUCT, BUSINESS_PRODUCT)
_STEPS = 40


def random_books(random: Random) -> Books:
    start = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=random.randrange(3 * 365 * 86_400))
    policy = Policy(
        grace=timedelta(days=random.choice((0, 0, 5))),
        attempts_after=random.choice(((), (timedelta(days=1), timedelta(days=3)))),
        proration_starts_a_cycle=random.random() < 0.5,
        tax_percent=random.choice((0, 25)),
        term_years=random.choice((1, 10)),
        refunds_take_time=random.random() < 0.3,
    )
    return Books(clock=VirtualClock(start), policy=policy)


@dataclass(frozen=True, slots=True)
class Player:
    """Does what customers, merchants and time may do; a refusal changes nothing."""

    books: Books
    random: Random

    def subscription(self) -> str:
        return self.random.choice(list(self.books.subscriptions) or ["sub_none"])

    def payment(self) -> str:
        return self.random.choice(list(self.books.payments) or ["pay_none"])

    def outcome(self) -> Outcome:
        return self.random.choice(list(Outcome))

    def product(self) -> str:
        return self.random.choice(_PRODUCTS)

    def is_lucky(self) -> bool:
        return self.random.random() < 0.5

    def subscribe(self) -> None:
        checkout = checkouts.create_checkout(self.books, product_id=self.product(), email="a@b.co", name="A")
        checkouts.pay(self.books, checkout.session_id, self.outcome())

    def cancel(self) -> None:
        ways = (subscriptions.schedule_cancellation, subscriptions.undo_cancellation, subscriptions.cancel_now)
        self.random.choices(ways, (4, 4, 1))[0](self.books, self.subscription())

    def pause(self) -> None:
        self.random.choice((subscriptions.pause, subscriptions.resume))(self.books, self.subscription())

    def change_plan(self) -> None:
        plan_changes.change_now(
            self.books,
            self.subscription(),
            self.product(),
            mode=self.random.choice(list(Mode)),
            keeps_plan_on_failure=self.is_lucky(),
            replaces_scheduled=self.is_lucky(),
            outcome=self.outcome(),
        )

    def schedule(self) -> None:
        plan_changes.schedule(self.books, self.subscription(), self.product(), keeps_plan_on_failure=self.is_lucky())

    def cancel_scheduled(self) -> None:
        plan_changes.cancel_scheduled(self.books, self.subscription())

    def settle(self) -> None:
        subscriptions.settle(self.books, self.payment(), self.random.choice((Outcome.SUCCEEDED, Outcome.FAILED)))

    def refund(self) -> None:
        refunds.refund(self.books, self.payment(), amount_cents=self.random.choice((None, 1, 500, 5_000)))

    def dispute(self) -> None:
        refunds.open_dispute(self.books, self.payment())

    def replace_card(self) -> None:
        subscriptions.update_payment_method(self.books, self.subscription(), self.outcome())

    def spoil_card(self) -> None:
        for customer_id in self.books.customers:
            subscriptions.set_card(self.books, customer_id, self.outcome())

    def wait(self) -> None:
        passage.advance(self.books, timedelta(days=self.random.choice((0.1, 3, 20, 31, 70))))

    def act(self) -> None:
        actions = (
            *(self.subscribe, self.cancel, self.pause, self.change_plan, self.schedule, self.cancel_scheduled),
            *(self.settle, self.refund, self.dispute, self.replace_card, self.spoil_card, self.wait, self.wait),
        )
        with suppress(BusinessRefusal):
            self.random.choice(actions)()


def check(books: Books) -> None:
    newest = {}
    for event in books.events:
        payload_type = event.data["payload_type"]
        if payload_type in ("Subscription", "Payment"):
            newest[event.data[f"{payload_type.lower()}_id"]] = event.data
    for subscription in books.subscriptions.values():
        published = newest.get(subscription.subscription_id)
        if published is None:
            assert subscription.status is Status.PENDING
        else:
            kept = subscription_json(books, subscription)
            assert {name: published[name] for name in kept if name != "payment_id"} == {
                name: value for name, value in kept.items() if name != "payment_id"
            }
        assert subscription.previous_billing_at < subscription.next_billing_at
        assert subscription.credit_cents >= 0
    for payment in books.payments.values():
        assert 0 <= payment.tax_cents <= payment.total_cents
        assert newest[payment.payment_id]["status"] == payment_json(books, payment)["status"]
        refunded = [each.amount_cents for each in books.refunds.values() if each.payment_id == payment.payment_id]
        assert all(amount > 0 for amount in refunded)
        assert sum(refunded) <= payment.total_cents
    times = [event.occurred_at for event in books.events]
    assert times == sorted(set(times))


@pytest.mark.parametrize("seed", range(20))
def test_what_is_published_last_is_what_is_kept(seed: int) -> None:
    random = Random(seed)
    for _ in range(10):
        books = random_books(random)
        player = Player(books, random)
        for _ in range(_STEPS):
            player.act()
            check(books)
