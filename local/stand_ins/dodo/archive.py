"""The books as a JSON file, so that a subscription outlives the stand-in as the rows about it do."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from local.stand_ins.dodo.business.books import Books, Event, Policy
from local.stand_ins.dodo.business.clock import ShiftedClock
from local.stand_ins.dodo.business.records import (
    Checkout,
    CreditEntry,
    Customer,
    Dispute,
    Payment,
    Product,
    Refund,
    Subscription,
)


class UnreadableArchive(RuntimeError):
    """The file was written by another version of the stand-in; delete it, or run `make reset`."""


@dataclass(slots=True)
class _Content:
    """Everything in the books that is not code."""

    ahead: timedelta
    policy: Policy
    products: dict[str, Product] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    credits: dict[str, CreditEntry] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


_CONTENT = TypeAdapter(_Content)
_TABLES = (
    "policy",
    "products",
    "customers",
    "checkouts",
    "subscriptions",
    "payments",
    "refunds",
    "disputes",
    "credits",
    "events",
)


def save(books: Books, clock: ShiftedClock, file: Path) -> None:
    """Replace the file by one with the books as they are now."""
    content = _Content(clock.ahead, **{name: getattr(books, name) for name in _TABLES})
    written = file.with_suffix(".new")
    written.write_bytes(_CONTENT.dump_json(content))
    written.replace(file)


def load(books: Books, clock: ShiftedClock, file: Path) -> None:
    """Fill the books from the file; without a file they stay as they are.

    Raises:
        UnreadableArchive: the file is not one that this version wrote.
    """
    if not file.exists():
        return
    try:
        content = _CONTENT.validate_json(file.read_bytes())
    except ValidationError as exc:
        raise UnreadableArchive(f"{file.name} cannot be read; delete it, or run `make reset`") from exc
    clock.ahead = content.ahead
    for name in _TABLES:
        setattr(books, name, getattr(content, name))
