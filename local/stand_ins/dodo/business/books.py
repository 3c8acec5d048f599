"""The books of the payment service: every record, its clock, and the events that it has published."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.stand_ins.dodo.business.clock import Clock, VirtualClock, as_text
from local.stand_ins.dodo.business.records import (
    Card,
    Checkout,
    CreditEntry,
    Customer,
    Dispute,
    Payment,
    Product,
    Refund,
    Subscription,
)
from local.stand_ins.dodo.business.refusals import not_found

BUSINESS_ID = "bus_stand_in"
PRO_PRODUCT = "pdt_stand_in_pro"
BUSINESS_PRODUCT = "pdt_stand_in_business"
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Event:
    """A published event with the object as it was then."""

    id: str
    type: str
    occurred_at: datetime
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the body of the webhook."""
        return {
            "business_id": BUSINESS_ID,
            "type": self.type,
            "timestamp": as_text(self.occurred_at),
            "data": self.data,
        }


@dataclass(slots=True)
class Policy:
    """How the merchant has set up the account."""

    grace: timedelta = timedelta()
    """How long a subscription is past due before it is on hold; zero: a failed renewal puts it on hold at once."""
    attempts_after: tuple[timedelta, ...] = (timedelta(days=1), timedelta(days=3), timedelta(days=7))
    """When a failed renewal is charged again, counted from the attempt before."""
    proration_starts_a_cycle: bool = False
    """Whether a prorated change starts a new period: the documentation says no, but names a mode that keeps it."""
    tax_percent: int = 0
    term_years: int = 10
    """How long a subscription lasts before it expires."""
    refunds_take_time: bool = False
    """Whether a refund stays pending until it is settled."""


def _counter() -> Callable[[str], str]:
    counts: dict[str, int] = {}

    def new_id(prefix: str) -> str:
        counts[prefix] = counts.get(prefix, 0) + 1
        return f"{prefix}_{counts[prefix]:06}"

    return new_id


def _no_publish(_event: Event) -> None:
    pass


@dataclass(slots=True)
class Books:
    """All records by id. The functions of this package change them; reading them is the truth for tests."""

    clock: Clock = field(default_factory=VirtualClock)
    policy: Policy = field(default_factory=Policy)
    new_id: Callable[[str], str] = field(default_factory=_counter)
    """Returns a new id with a prefix; by default a number, so that a history can be repeated."""
    publish: Callable[[Event], None] = _no_publish
    """Called with every event."""
    products: dict[str, Product] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    credits: dict[str, CreditEntry] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    """Every event since the start, oldest first; their times are distinct."""

    def __post_init__(self) -> None:
        for product in (Product(PRO_PRODUCT, "Pro", 1_900), Product(BUSINESS_PRODUCT, "Business", 4_900)):
            self.products.setdefault(product.product_id, product)

    def now(self) -> datetime:
        """Return the current time, in milliseconds as the API writes it."""
        now = self.clock.now()
        return now.replace(microsecond=now.microsecond // 1_000 * 1_000)

    def record_event(self, event_type: str, data: dict[str, Any]) -> None:
        """Publish an event, later than all before it."""
        now = self.now()
        occurred_at = max(now, self.events[-1].occurred_at + _TICK) if self.events else now
        event = Event(self.new_id("evt"), event_type, occurred_at, data)
        self.events.append(event)
        self.publish(event)

    def get_product(self, product_id: str) -> Product:
        """Return a product, or refuse."""
        return _found(self.products, product_id, "Product")

    def get_customer(self, customer_id: str) -> Customer:
        """Return a customer, or refuse."""
        return _found(self.customers, customer_id, "Customer")

    def get_checkout(self, session_id: str) -> Checkout:
        """Return a checkout session, or refuse."""
        return _found(self.checkouts, session_id, "Checkout session")

    def get_subscription(self, subscription_id: str) -> Subscription:
        """Return a subscription, or refuse."""
        return _found(self.subscriptions, subscription_id, "Subscription")

    def get_payment(self, payment_id: str) -> Payment:
        """Return a payment, or refuse."""
        return _found(self.payments, payment_id, "Payment")

    def get_refund(self, refund_id: str) -> Refund:
        """Return a refund, or refuse."""
        return _found(self.refunds, refund_id, "Refund")

    def get_dispute(self, dispute_id: str) -> Dispute:
        """Return a dispute, or refuse."""
        return _found(self.disputes, dispute_id, "Dispute")

    def create_customer(self, email: str, name: str, metadata: dict[str, Any] | None = None) -> Customer:
        """Create a customer with a card that works."""
        customer = Customer(
            self.new_id("cus"), email, name, self.now(), Card(self.new_id("pm"), holder=name), dict(metadata or {})
        )
        self.customers[customer.customer_id] = customer
        return customer


def _found[T](records: dict[str, T], record_id: str, what: str) -> T:
    record = records.get(record_id)
    if record is None:
        raise not_found(what)
    return record
