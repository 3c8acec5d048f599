"""Compares what we recorded with what Dodo has, and repairs our rows on request.

A difference in a list may be an event on its way. Each one is therefore looked at again, alone and fresh, before it
counts. A repair saves what Dodo says now, as an event would have; it never changes anything at Dodo.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.accounts.models import CURRENT_STATUSES
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory, EventLevel
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.integrations.dodo import documents
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.dodo.errors import UnknownAtDodo
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from . import repository
from .mirror.fetches import Fetches
from .mirror.lifecycle import Version, facts_of, status_of
from .mirror.payments import save_dispute, save_payment, save_refund
from .mirror.reports import FetchNeeded, ObjectId, ObjectKind, Reports
from .mirror.subscriptions import save_subscription
from .provider_calls import Connect

type Facts = Mapping[str, object]
type Documented = documents.Subscription | documents.Payment | documents.Refund | documents.Dispute

_BATCH = 200
_MISSING = "missing"


class OutOfTime(Exception):
    """The run reached its time limit with objects left to compare."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that differs between Dodo and us."""

    subject: ObjectId
    fields: Mapping[str, tuple[object, object]]
    """Dodo's value and ours by field."""
    is_repaired: bool
    error: str | None = None
    """Why it could not be repaired; None: it was, or that was not asked for."""

    def __str__(self) -> str:
        parts = [f"{name}: {theirs} at Dodo, {ours} here" for name, (theirs, ours) in self.fields.items()]
        end = "; repaired" if self.is_repaired else f"; not repaired: {self.error}" if self.error else ""
        return f"{self.subject.kind} {self.subject.id}: {'; '.join(parts)}{end}"


@dataclass(slots=True)
class Reconciliation:
    """One comparison of all subscriptions, and of the payments, refunds and disputes since a time."""

    engine: Engine
    connect: Connect
    clock: Clock
    logger: Logger
    repairs: bool
    stop_at_mono_s: float = float("inf")
    """When to stop, on the monotonic clock."""
    differences: list[Difference] = field(default_factory=list)
    compared: int = 0

    def run(self, since: datetime) -> Mapping[str, int]:
        """Compare everything, and return the counts.

        Raises:
            OutOfTime: the time limit came before the last object; what was found until then is recorded.
            ProviderError: Dodo did not answer.
        """
        calls = CallCollector()
        dodo = self.connect(calls)
        seen: set[str] = set()
        try:
            for document in self._listed(dodo, since):
                if time.monotonic() >= self.stop_at_mono_s:
                    raise OutOfTime
                wanted = _id_of(document)
                seen.add(wanted.id)
                self._compare(wanted, document)
            self._find_unknown(dodo, seen)
        finally:
            with session_scope(self.engine) as session:
                call_log.record_calls(session, calls.drain(), call_log.CallOwner())
        return self.results()

    def results(self) -> Mapping[str, int]:
        """Return the counts so far."""
        repaired = sum(difference.is_repaired for difference in self.differences)
        return {
            "objects_compared": self.compared,
            "differences_found": len(self.differences),
            "differences_repaired": repaired,
            "differences_left": len(self.differences) - repaired,
        }

    def _listed(self, dodo: DodoClient, since: datetime) -> Iterator[Documented]:
        yield from dodo.list_subscriptions()
        yield from dodo.list_payments(since=since)
        yield from dodo.list_refunds(since=since)
        yield from dodo.list_disputes(since=since)

    def _compare(self, wanted: ObjectId, listed: Documented) -> None:
        """Compare one object of a list; if it differs, look at it again, and repair it."""
        self.compared += 1
        with session_scope(self.engine) as session:
            if not _differing(session, listed, now=self.clock()):
                return
            known = _version_of(session, wanted)
        fetches = Fetches(self.engine, self.connect, self.clock)
        fetches.add(FetchNeeded(wanted, known=known))
        document = fetches.fetched[wanted].document
        if isinstance(document, documents.Customer):
            raise TypeError("a customer is not compared")
        with session_scope(self.engine) as session:
            fields = _differing(session, document, now=self.clock())
        if fields:
            self._record(wanted, fields, lambda: self._repair(document, known, fetches))

    def _repair(self, document: Documented, known: Version | None, fetches: Fetches) -> None:
        """Save the object as fetched, with what else must be fetched for that."""
        reported_at = document.created_at if known is None else known.updated_at
        while True:
            try:
                with session_scope(self.engine) as session:
                    _save(session, document, Reports(reported_at, self.clock(), fetches.fetched))
            except FetchNeeded as needed:
                fetches.add(needed)
            else:
                return

    def _record(
        self, wanted: ObjectId, fields: Mapping[str, tuple[object, object]], repair: Callable[[], None]
    ) -> None:
        error: str | None = None
        if self.repairs:
            try:
                repair()
            except Exception as exc:  # noqa: BLE001 - counted and reported; the other objects must still be compared
                error = type(exc).__name__
        found = Difference(wanted, fields, is_repaired=self.repairs and error is None, error=error)
        self.differences.append(found)
        details = {"kind": str(wanted.kind), "id": wanted.id, "fields": sorted(fields), "error": error}
        self.logger.warning("billing differs from Dodo", extra={"difference": details})
        level = EventLevel.WARNING if found.is_repaired else EventLevel.ERROR
        with session_scope(self.engine) as session:
            record_events(session, Event(EventCategory.BILLING, "differs_from_dodo", details=details, level=level))

    def _find_unknown(self, dodo: DodoClient, seen: set[str]) -> None:
        """Record the subscriptions that we serve and that Dodo does not know, which only a person can decide about."""
        with session_scope(self.engine) as session:
            unlisted = [each for each in repository.list_living_provider_ids(session) if each not in seen]
        for subscription_id in unlisted:
            wanted = ObjectId(ObjectKind.SUBSCRIPTION, subscription_id)
            try:
                self._compare(wanted, dodo.get_subscription(subscription_id))
            except UnknownAtDodo:
                self._record(wanted, {"subscription": (_MISSING, "known")}, _only_by_hand)


class OnlyByHand(Exception):
    """Dodo does not know the subscription; end it in our tables, or restore it at Dodo."""


def _only_by_hand() -> None:
    raise OnlyByHand


def _id_of(document: Documented) -> ObjectId:
    match document:
        case documents.Subscription():
            return ObjectId(ObjectKind.SUBSCRIPTION, document.subscription_id)
        case documents.Payment():
            return ObjectId(ObjectKind.PAYMENT, document.payment_id)
        case documents.Refund():
            return ObjectId(ObjectKind.REFUND, document.refund_id)
        case documents.Dispute():
            return ObjectId(ObjectKind.DISPUTE, document.dispute_id)


def _save(session: Session, document: Documented, reports: Reports) -> None:
    match document:
        case documents.Subscription():
            save_subscription(session, document, reports)
        case documents.Payment():
            save_payment(session, document, reports)
        case documents.Refund():
            save_refund(session, document, reports)
        case documents.Dispute():
            save_dispute(session, document, reports)


def _version_of(session: Session, wanted: ObjectId) -> Version | None:
    row = _find(session, wanted)
    if row is None or row.provider_updated_at is None or row.provider_digest is None:
        return None
    return Version(row.provider_updated_at, row.provider_digest, row.provider_fetched_at)


def _find(session: Session, wanted: ObjectId) -> repository.Mirror | None:
    match wanted.kind:
        case ObjectKind.SUBSCRIPTION:
            return repository.find_subscription(session, wanted.id)
        case ObjectKind.PAYMENT:
            return repository.find_payment(session, wanted.id)
        case ObjectKind.REFUND:
            return repository.find_refund(session, wanted.id)
        case ObjectKind.DISPUTE:
            return repository.find_dispute(session, wanted.id)
        case ObjectKind.CUSTOMER:
            return None


def _differing(session: Session, document: Documented, *, now: datetime) -> dict[str, tuple[object, object]]:
    """Return the fields in which our row differs from the document, with both values."""
    match document:
        case documents.Subscription():
            theirs, ours = _subscription_facts(session, document, now)
        case documents.Payment():
            theirs, ours = _payment_facts(session, document)
        case documents.Refund():
            theirs, ours = _refund_facts(session, document)
        case documents.Dispute():
            theirs, ours = _dispute_facts(session, document)
    if ours is None:
        return {"row": ("known", _MISSING)}
    return {name: (value, ours[name]) for name, value in theirs.items() if value != ours[name]}


def _subscription_facts(
    session: Session, document: documents.Subscription, now: datetime
) -> tuple[Facts, Facts | None]:
    facts = facts_of(document)
    row = repository.find_subscription_with_plans(session, document.subscription_id)
    if row is None:
        return {}, None
    own_status = status_of(
        facts.status, period_end=facts.period_end, cancels=facts.cancel_at_period_end, is_trial=facts.is_trial, now=now
    )
    grants = own_status in CURRENT_STATUSES
    # Of two subscriptions that are paid for only one is current, so the other one's row grants nothing.
    ours_grants = repository.has_paid_plan(session, row.user_id) if grants else row.status in CURRENT_STATUSES
    theirs = {
        "status": facts.status,
        "product": facts.product_id,
        "customer": facts.customer_id,
        "period_start": facts.period_start,
        "period_end": facts.period_end,
        "cancels": facts.cancel_at_period_end,
        "next_product": facts.scheduled_product_id,
        "next_product_at": facts.scheduled_at,
        "grants_a_plan": grants,
    }
    ours = {
        "status": row.provider_status,
        "product": row.plan.provider_product_id,
        "customer": row.provider_customer_id,
        "period_start": row.current_period_start,
        "period_end": row.current_period_end,
        "cancels": row.cancel_at_period_end,
        "next_product": row.downgrade_to_plan.provider_product_id if row.downgrade_to_plan else None,
        "next_product_at": row.downgrade_at,
        "grants_a_plan": ours_grants,
    }
    return theirs, ours


def _payment_facts(session: Session, document: documents.Payment) -> tuple[Facts, Facts | None]:
    theirs = {"status": document.status, "cents": document.total_amount, "currency": document.currency}
    row = repository.find_payment(session, document.payment_id)
    if row is None:
        return theirs, None
    return theirs, {"status": row.provider_status, "cents": row.amount_cents, "currency": row.currency}


def _refund_facts(session: Session, document: documents.Refund) -> tuple[Facts, Facts | None]:
    theirs: dict[str, object] = {"status": document.status.upper()}
    row = repository.find_refund(session, document.refund_id)
    if document.amount is not None:
        theirs["cents"] = document.amount
    return theirs, None if row is None else {"status": row.status, "cents": row.amount_cents}


def _dispute_facts(session: Session, document: documents.Dispute) -> tuple[Facts, Facts | None]:
    theirs = {"status": document.dispute_status, "cents": document.amount}
    row = repository.find_dispute(session, document.dispute_id)
    return theirs, None if row is None else {"status": row.status, "cents": row.amount_cents}
