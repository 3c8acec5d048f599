"""The life of a subscription as pure functions of what the provider reported.

Webhooks arrive in any order, several times, and sometimes with newer contents than their time says. A record therefore
keeps the report with the latest time *of the provider's clock*, and `advance` gives the same record for the same set of
reports in every order. Where the times cannot decide, the answer is "unsure", and the caller fetches the object.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from whyviral.accounts.models import SubscriptionStatus
from whyviral.integrations.dodo.documents import Subscription, SubscriptionState

CLOCK_SKEW = timedelta(minutes=5)
"""The largest difference between the provider's clock and ours; webhooks with a larger one are refused."""


class UnknownSubscriptionStatus(Exception):
    """The provider reported a status that its documentation does not list, so nothing can follow from it."""


@dataclass(frozen=True, slots=True)
class Version:
    """Which report a record holds."""

    updated_at: datetime
    """The provider's time of the report."""
    digest: str
    fetched_at: datetime | None = None
    """Our time of the last fetch; None: the record comes from events alone."""


class Verdict(Enum):
    """What a report means for a record."""

    APPLY = auto()
    IGNORE = auto()
    UNSURE = auto()
    """Only the provider knows which of the two is newer."""


def digest_of(value: object) -> str:
    """Return a hash of a frozen dataclass, equal for equal values."""
    return hashlib.sha256(repr(value).encode()).hexdigest()


def compare(known: Version | None, *, digest: str, occurred_at: datetime) -> Verdict:
    """Compare an event's report with the known version.

    Args:
        known: the version of the record; None if there is no record yet.
        digest: the hash of the report.
        occurred_at: the provider's time of the event.
    """
    if known is None:
        return Verdict.APPLY
    if occurred_at < known.updated_at:
        return Verdict.IGNORE
    was_fetched_later = known.fetched_at is not None and occurred_at <= known.fetched_at + CLOCK_SKEW
    if occurred_at == known.updated_at or was_fetched_later:
        # Two reports of one moment, or a fetch that may already include what this event reports, and more.
        return Verdict.IGNORE if digest == known.digest else Verdict.UNSURE
    return Verdict.APPLY


@dataclass(frozen=True, slots=True)
class Record[Value]:
    """The newest known report of one object."""

    value: Value
    version: Version


def advance[Value](
    record: Record[Value] | None, value: Value, *, occurred_at: datetime
) -> tuple[Record[Value] | None, Verdict]:
    """Return the record after an event, and what the event meant; unsure leaves the record as it is."""
    digest = digest_of(value)
    verdict = compare(None if record is None else record.version, digest=digest, occurred_at=occurred_at)
    if verdict is not Verdict.APPLY:
        return record, verdict
    return Record(value, Version(occurred_at, digest)), verdict


def fetched_version(known: Version | None, *, digest: str, reported_at: datetime, now: datetime) -> Version:
    """Return the version of an object that was fetched after an event of this time had been received.

    Args:
        known: the version that was known when the fetch began.
        digest: the hash of the fetched object.
        reported_at: the provider's time of the event that led to the fetch.
        now: our time after the fetch.
    """
    updated_at = reported_at if known is None else max(known.updated_at, reported_at)
    return Version(updated_at, digest, fetched_at=now)


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """What counts of a subscription for access and for what the user is shown."""

    status: str
    product_id: str
    customer_id: str
    period_start: datetime
    period_end: datetime
    is_trial: bool
    cancel_at_period_end: bool
    past_due_until: datetime | None
    scheduled_product_id: str | None
    scheduled_at: datetime | None
    payment_method_id: str | None


def facts_of(subscription: Subscription) -> SubscriptionFacts:
    """Return what counts of the provider's document."""
    change = subscription.scheduled_change
    trial_ends_at = subscription.created_at + timedelta(days=subscription.trial_period_days or 0, hours=1)
    return SubscriptionFacts(
        status=subscription.status,
        product_id=subscription.product_id,
        customer_id=subscription.customer.customer_id,
        period_start=subscription.previous_billing_date,
        period_end=subscription.next_billing_date,
        is_trial=bool(subscription.trial_period_days) and subscription.next_billing_date <= trial_ends_at,
        cancel_at_period_end=subscription.cancel_at_next_billing_date,
        past_due_until=subscription.past_due_ends_at,
        scheduled_product_id=change.product_id if change else None,
        scheduled_at=change.effective_at if change else None,
        payment_method_id=subscription.payment_method_id,
    )


_STATUSES = {
    SubscriptionState.PENDING: SubscriptionStatus.PENDING,
    SubscriptionState.ON_HOLD: SubscriptionStatus.PENDING,
    SubscriptionState.PAUSED: SubscriptionStatus.PENDING,
    SubscriptionState.FAILED: SubscriptionStatus.FAILED,
    SubscriptionState.EXPIRED: SubscriptionStatus.EXPIRED,
}


def status_of(
    provider_status: str, *, period_end: datetime | None, cancels: bool, is_trial: bool, now: datetime
) -> SubscriptionStatus:
    """Return our status for the provider's; ACTIVE, TRIAL and CANCELING grant the plan.

    Past due keeps the plan while the provider collects the payment. A cancelled subscription keeps it until the period
    that was paid for ends. On hold and paused are PENDING: they grant nothing and may come back.

    Raises:
        UnknownSubscriptionStatus: the provider's documentation does not list the status.
    """
    if provider_status == SubscriptionState.CANCELLED:
        is_paid_for = period_end is not None and now < period_end
        return SubscriptionStatus.CANCELING if is_paid_for else SubscriptionStatus.CANCELLED
    if provider_status in (SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE):
        if cancels:
            return SubscriptionStatus.CANCELING
        return SubscriptionStatus.TRIAL if is_trial else SubscriptionStatus.ACTIVE
    try:
        return _STATUSES[SubscriptionState(provider_status)]
    except ValueError:
        raise UnknownSubscriptionStatus(provider_status) from None


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """A subscription that grants a plan, in the order of preference: the last one wins."""

    price_cents: int
    renews: bool
    period_end: datetime
    provider_subscription_id: str


def choose_current(candidates: Iterable[Candidate]) -> Candidate | None:
    """Return the one subscription that counts: the dearest plan, then one that renews, then the longest period.

    Two are paid for at once if a user subscribes again before a cancelled subscription ends, or pays two checkouts.
    """
    return max(candidates, default=None)
