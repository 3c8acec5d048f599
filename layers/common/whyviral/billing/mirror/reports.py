"""One unit of work on the provider's reports: the event's time, what was fetched for it, and what still must be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from whyviral.integrations.dodo.documents import Customer, Dispute, Payment, Refund, Subscription

from .lifecycle import Verdict, Version, compare, digest_of, fetched_version

type Fetchable = Subscription | Payment | Refund | Dispute | Customer
MAX_FETCHES = 4
"""A refund may need its payment and itself, and each of them once more if an event arrives during the fetch."""


class ObjectKind(StrEnum):
    """A kind of object that can be fetched from the provider."""

    SUBSCRIPTION = "subscription"
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class ObjectId:
    """An object of the provider."""

    kind: ObjectKind
    id: str


class FetchNeeded(Exception):
    """The reports cannot decide; roll back, fetch the object outside of the transaction, and start again."""

    def __init__(self, wanted: ObjectId, *, known: Version | None) -> None:
        super().__init__(wanted.kind)
        self.wanted = wanted
        self.known = known


class StillUnsure(Exception):
    """Each fetch was overtaken by another event; the event is retried later."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object that was fetched, and the version of our row when the fetch began."""

    document: Fetchable
    known: Version | None
    at: datetime


class Reader(Protocol):
    """Reads objects from the provider; every method raises `ProviderError` if its call fails."""

    def get_subscription(self, subscription_id: str) -> Subscription:
        """Return a subscription."""
        ...

    def get_payment(self, payment_id: str) -> Payment:
        """Return a payment."""
        ...

    def get_refund(self, refund_id: str) -> Refund:
        """Return a refund."""
        ...

    def get_dispute(self, dispute_id: str) -> Dispute:
        """Return a dispute."""
        ...

    def get_customer(self, customer_id: str) -> Customer:
        """Return a customer."""
        ...


def fetch(reader: Reader, wanted: ObjectId) -> Fetchable:
    """Return an object of the provider as it is now."""
    match wanted.kind:
        case ObjectKind.SUBSCRIPTION:
            return reader.get_subscription(wanted.id)
        case ObjectKind.PAYMENT:
            return reader.get_payment(wanted.id)
        case ObjectKind.REFUND:
            return reader.get_refund(wanted.id)
        case ObjectKind.DISPUTE:
            return reader.get_dispute(wanted.id)
        case ObjectKind.CUSTOMER:
            return reader.get_customer(wanted.id)


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports of one event."""

    occurred_at: datetime
    """The provider's time of the event."""
    now: datetime
    fetched: Mapping[ObjectId, Fetched] = field(default_factory=dict)

    def decide[Document: (Subscription, Payment, Refund, Dispute)](
        self,
        wanted: ObjectId,
        document: Document,
        facts: object,
        *,
        known: Version | None,
        past: datetime | None = None,
    ) -> Version | None:
        """Return the version to save this document as; None to ignore it.

        Args:
            wanted: the object.
            document: the report, or the fetched object.
            facts: what is saved of it.
            known: the version of our row.
            past: a time by the provider's clock that a fetched object shows to be over.

        Raises:
            FetchNeeded: only the provider knows.
        """
        digest = digest_of(facts)
        if self.fetched_document(wanted) is document:
            reported_at = self.occurred_at if past is None else max(self.occurred_at, past)
            return fetched_version(known, digest=digest, reported_at=reported_at, now=self.fetched[wanted].at)
        match compare(known, digest=digest, occurred_at=self.occurred_at):
            case Verdict.APPLY:
                return Version(self.occurred_at, digest)
            case Verdict.IGNORE:
                return None
            case Verdict.UNSURE:
                raise FetchNeeded(wanted, known=known)

    def fetched_document(self, wanted: ObjectId) -> Fetchable | None:
        """Return the object as fetched for this event; None if it was not fetched."""
        found = self.fetched.get(wanted)
        return None if found is None else found.document

    def newest[Document: (Subscription, Payment, Refund, Dispute)](
        self, wanted: ObjectId, reported: Document, *, known: Version | None
    ) -> Document:
        """Return the fetched object in place of the reported one, if it was fetched.

        Raises:
            FetchNeeded: our row has changed since the fetch began, so the fetched object may be the older one.
        """
        found = self.fetched.get(wanted)
        if found is None or not isinstance(found.document, type(reported)):
            return reported
        if found.known != known:
            raise FetchNeeded(wanted, known=known)
        return found.document
