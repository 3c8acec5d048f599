"""Random histories of a customer at Dodo's stand-in. Its books are the truth that our records are compared with."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.stand_ins.dodo.business import checkouts, passage, plan_changes, refunds, subscriptions
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT, Books, Event, Policy
from local.stand_ins.dodo.business.clock import VirtualClock
from local.stand_ins.dodo.business.documents import (
    current_data,
    customer_json,
    dispute_json,
    payment_json,
    refund_json,
    subscription_json,
)
from local.stand_ins.dodo.business.records import Outcome
from local.stand_ins.dodo.business.refusals import BusinessRefusal
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.dodo.documents import CheckoutStatus, Customer, Dispute, Payment, Refund, Subscription
from whyviral.integrations.errors import ProviderError

SLUGS = {PRO_PRODUCT: "pro", BUSINESS_PRODUCT: "business"}
PRICES = {"free": 0, "pro": 1_900, "business": 4_900}
_OUTCOMES = (Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.FAILED, Outcome.PROCESSING)
_PAUSES = (timedelta(minutes=1), timedelta(hours=5), timedelta(days=1), timedelta(days=9), timedelta(days=32))
_DISPUTE_ENDS = ("expired", "accepted", "cancelled", "challenged", "won", "lost")
_CREDITS = ("credit_added", "credit_deducted", "credit_expired", "credit_rolled_over")


class BooksReader:
    """Reads the books as our client reads the API."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.fetches = 0

    def get_subscription(self, subscription_id: str) -> Subscription:
        self.fetches += 1
        found = self.books.get_subscription(subscription_id)
        return Subscription.model_validate(subscription_json(self.books, found))

    def get_payment(self, payment_id: str) -> Payment:
        self.fetches += 1
        return Payment.model_validate(payment_json(self.books, self.books.get_payment(payment_id)))

    def get_refund(self, refund_id: str) -> Refund:
        self.fetches += 1
        return Refund.model_validate(refund_json(self.books, self.books.get_refund(refund_id)))

    def get_dispute(self, dispute_id: str) -> Dispute:
        self.fetches += 1
        return Dispute.model_validate(dispute_json(self.books.get_dispute(dispute_id)))

    def get_customer(self, customer_id: str) -> Customer:
        self.fetches += 1
        return Customer.model_validate(customer_json(self.books.get_customer(customer_id)))


class BooksClient(BooksReader):
    """Calls the books as our client calls the API."""

    def __init__(self, books: Books, *, unreachable: frozenset[str] = frozenset()) -> None:
        super().__init__(books)
        self.unreachable = unreachable

    def get_subscription(self, subscription_id: str) -> Subscription:
        if subscription_id in self.unreachable:
            raise ProviderError("down", provider="dodo", category=ErrorCategory.PROVIDER_ERROR, is_transient=True)
        return super().get_subscription(subscription_id)

    def cancel_now(self, subscription_id: str) -> Subscription:
        subscriptions.cancel_now(self.books, subscription_id)
        found = self.books.get_subscription(subscription_id)
        return Subscription.model_validate(subscription_json(self.books, found))

    def get_checkout(self, session_id: str) -> CheckoutStatus:
        checkout = self.books.get_checkout(session_id)
        return CheckoutStatus(
            id=session_id, created_at=checkout.created_at, payment_id=checkout.payment_id, payment_status=None
        )


@dataclass(slots=True)
class History:
    """One customer, whose life is decided by a seed."""

    seed: int
    metadata: dict[str, str] = field(default_factory=dict)
    email: str = "mara@example.com"
    chance: random.Random = field(init=False)
    books: Books = field(init=False)
    steps: list[str] = field(init=False, default_factory=list)
    """What happened, for the message of a failure."""
    _customer_id: str = field(init=False)
    _has_whole_seconds: bool = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        start = datetime.fromisoformat("2027-01-01T00:00:00Z") + timedelta(
            minutes=self.chance.randrange(3 * 366 * 1440)
        )
        grace = self.chance.choice((timedelta(), timedelta(days=3)))
        policy = Policy(
            grace=grace,
            tax_percent=self.chance.choice((0, 25)),
            refunds_take_time=self.chance.random() < 0.5,
            proration_starts_a_cycle=self.chance.random() < 0.5,
            term_years=self.chance.choice((1, 10)),
        )
        self.books = Books(clock=VirtualClock(start), policy=policy)
        counter = self.books.new_id
        self.books.new_id = lambda prefix: f"{counter(prefix)}_{self.seed}"
        self._customer_id = self.books.create_customer(self.email, "Mara Lind", dict(self.metadata)).customer_id
        # Whole seconds make several events claim the same time, so that only a fetch can tell which is newer.
        self._has_whole_seconds = self.chance.random() < 0.3

    def step(self) -> None:
        """Let one thing happen; what the provider refuses changes nothing."""
        act = self.chance.choice(_ACTS)
        try:
            act(self)
            passage.catch_up(self.books)
        except BusinessRefusal:
            return
        self.steps.append(act.__name__)

    def delivery(self, event: Event) -> dict[str, Any]:
        """Return the body of one delivery: sometimes with the newest contents, as a retried one may have."""
        document = event.as_json()
        if self._has_whole_seconds:
            document["timestamp"] = event.occurred_at.replace(microsecond=0).isoformat()
        if self.chance.random() < 0.2:
            document["data"] = current_data(self.books, document["data"])
        return document

    def plan(self) -> str:
        """Return the plan that the books grant: the dearest of those that are paid for."""
        now = self.books.now()
        granted = [
            SLUGS[each.product_id]
            for each in self.books.subscriptions.values()
            if each.status in ("active", "past_due") or (each.status == "cancelled" and now < each.next_billing_at)
        ]
        return max(granted, key=PRICES.__getitem__, default="free")

    def _any(self, ids: Sequence[str]) -> str:
        if not ids:
            raise BusinessRefusal(404, "NOT_FOUND", "there is none yet")
        return self.chance.choice(ids[-3:])

    def subscription_id(self) -> str:
        return self._any(list(self.books.subscriptions))

    def payment_id(self) -> str:
        return self._any(list(self.books.payments))

    def buy(self) -> None:
        if any(each.status in ("active", "past_due") for each in self.books.subscriptions.values()) and (
            self.chance.random() < 0.8
        ):
            return  # our API refuses it; a second checkout that is still open makes it possible
        checkout = checkouts.create_checkout(
            self.books,
            product_id=self.chance.choice(list(SLUGS)),
            customer_id=self._customer_id,
            metadata=dict(self.metadata),
        )
        checkouts.pay(self.books, checkout.session_id, self.chance.choice(_OUTCOMES))

    def wait(self) -> None:
        passage.advance(self.books, self.chance.choice(_PAUSES))

    def settle_payment(self) -> None:
        processing = [each.payment_id for each in self.books.payments.values() if each.status is Outcome.PROCESSING]
        ends = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED)
        subscriptions.settle(self.books, self._any(processing), self.chance.choice(ends))

    def break_card(self) -> None:
        subscriptions.set_card(self.books, self._customer_id, Outcome.FAILED)

    def replace_card(self) -> None:
        subscriptions.update_payment_method(self.books, self.subscription_id())

    def change_now(self) -> None:
        product_id = self.chance.choice(list(SLUGS))
        plan_changes.change_now(self.books, self.subscription_id(), product_id)

    def schedule_change(self) -> None:
        product_id = self.chance.choice(list(SLUGS))
        plan_changes.schedule(self.books, self.subscription_id(), product_id)

    def unschedule_change(self) -> None:
        plan_changes.cancel_scheduled(self.books, self.subscription_id())

    def cancel(self) -> None:
        subscriptions.schedule_cancellation(self.books, self.subscription_id())

    def undo(self) -> None:
        subscriptions.undo_cancellation(self.books, self.subscription_id())

    def cancel_now(self) -> None:
        subscriptions.cancel_now(self.books, self.subscription_id())

    def pause(self) -> None:
        subscriptions.pause(self.books, self.subscription_id())

    def resume(self) -> None:
        subscriptions.resume(self.books, self.subscription_id())

    def refund(self) -> None:
        payment = self.books.get_payment(self.payment_id())
        part = self.chance.choice((None, max(1, payment.total_cents // 3)))
        refunds.refund(self.books, payment.payment_id, amount_cents=part, reason="requested")

    def settle_refund(self) -> None:
        refund_id = self._any(list(self.books.refunds))
        if self.books.refunds[refund_id].status == "pending":
            refunds.settle_refund(self.books, refund_id, succeeds=self.chance.random() < 0.7)

    def dispute(self) -> None:
        refunds.open_dispute(self.books, self.payment_id())

    def move_dispute(self) -> None:
        refunds.move_dispute(self.books, self._any(list(self.books.disputes)), self.chance.choice(_DISPUTE_ENDS))

    def credit(self) -> None:
        refunds.record_credit(self.books, self._customer_id, self.chance.choice(_CREDITS), self.chance.randint(1, 50))


_ACTS: tuple[Callable[[History], None], ...] = (
    *(History.buy,) * 3,
    *(History.wait,) * 4,
    History.settle_payment,
    History.break_card,
    History.replace_card,
    *(History.change_now,) * 2,
    *(History.schedule_change,) * 2,
    History.unschedule_change,
    History.cancel,
    History.undo,
    History.cancel_now,
    History.pause,
    History.resume,
    *(History.refund,) * 2,
    History.settle_refund,
    History.dispute,
    History.move_dispute,
    History.credit,
)


@dataclass(slots=True)
class Mail:
    """Events on their way: delivered in any order, some several times, and all of them in the end."""

    history: History
    waiting: list[Event] = field(default_factory=list)
    _taken: int = 0

    def some(self) -> list[Event]:
        """Return the next deliveries; an event may stay on its way although it was delivered."""
        published = self.history.books.events
        self.waiting += published[self._taken :]
        self._taken = len(published)
        chance = self.history.chance
        chosen = [event for event in self.waiting if chance.random() < 0.4]
        self.waiting = [event for event in self.waiting if event not in chosen or chance.random() < 0.3]
        chance.shuffle(chosen)
        return chosen

    def rest(self) -> list[Event]:
        """Return the deliveries of everything that is still on its way, and of some events once more."""
        chance = self.history.chance
        again = [event for event in self.history.books.events if chance.random() < 0.2]
        last = self.some() + self.waiting + again
        chance.shuffle(last)
        return last
