"""The pure functions of the lifecycle, against the books of Dodo's stand-in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fixtures.proof_scale import seeds
from tests.whyviral.billing.histories import SLUGS, BooksReader, History, Mail
from whyviral.accounts.models import CURRENT_STATUSES
from whyviral.billing.mirror.lifecycle import (
    Candidate,
    Record,
    SubscriptionFacts,
    UnknownSubscriptionStatus,
    Verdict,
    Version,
    advance,
    choose_current,
    compare,
    digest_of,
    facts_of,
    fetched_version,
    status_of,
)
from whyviral.integrations.dodo.documents import Subscription
from whyviral.integrations.dodo.events import document_of, envelope_of

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PRICES = {"pro": 1_900, "business": 4_900}
type Records = dict[str, Record[SubscriptionFacts]]


def receive(records: Records, document: dict[str, Any], reader: BooksReader) -> None:
    """Take one delivery, as the handlers do; only subscriptions have a record here."""
    event = envelope_of(document)
    subscription = document_of(event)
    if not isinstance(subscription, Subscription):
        return
    known = records.get(subscription.subscription_id)
    record, verdict = advance(known, facts_of(subscription), occurred_at=event.occurred_at)
    if verdict is Verdict.UNSURE:
        record = fetch(known, subscription.subscription_id, event.occurred_at, reader)
    assert record is not None
    records[subscription.subscription_id] = record


def fetch(
    known: Record[SubscriptionFacts] | None, subscription_id: str, reported_at: datetime, reader: BooksReader
) -> Record[SubscriptionFacts]:
    facts = facts_of(reader.get_subscription(subscription_id))
    version = None if known is None else known.version
    now = reader.books.now()
    return Record(facts, fetched_version(version, digest=digest_of(facts), reported_at=reported_at, now=now))


def plan_of(records: Records, now: datetime) -> str:
    granting = {
        Candidate(PRICES[SLUGS[facts.product_id]], facts.status != "cancelled", facts.period_end, id_): facts
        for id_, record in records.items()
        if status_of(
            (facts := record.value).status,
            period_end=facts.period_end,
            cancels=facts.cancel_at_period_end,
            is_trial=facts.is_trial,
            now=now,
        )
        in CURRENT_STATUSES
    }
    best = choose_current(granting)
    return "free" if best is None else SLUGS[granting[best].product_id]


def essence(facts: SubscriptionFacts) -> tuple[Any, ...]:
    """Return what must be right; a replaced card is reported by the next event only."""
    return (
        facts.status,
        facts.product_id,
        facts.period_start,
        facts.period_end,
        facts.cancel_at_period_end,
        facts.scheduled_product_id,
        facts.scheduled_at,
    )


def play(seed: int) -> tuple[History, Records, BooksReader]:
    """Play a history and take its events as they come, with fetches in between as the API and the jobs make them."""
    history = History(seed)
    reader, mail = BooksReader(history.books), Mail(history)
    records: Records = {}
    for _ in range(history.chance.randint(5, 60)):
        history.step()
        for event in mail.some():
            receive(records, history.delivery(event), reader)
        if records and history.chance.random() < 0.1:
            id_ = history.chance.choice(list(records))
            records[id_] = fetch(records[id_], id_, records[id_].version.updated_at, reader)
    for event in mail.rest():
        receive(records, history.delivery(event), reader)
    return history, records, reader


@pytest.mark.parametrize(
    ("status", "cancels", "is_trial", "ends_in_s", "ours"),
    [
        ("pending", False, False, 60, "PENDING"),
        ("active", False, False, 60, "ACTIVE"),
        ("active", False, True, 60, "TRIAL"),
        ("active", True, False, 60, "CANCELING"),
        ("active", True, True, 60, "CANCELING"),
        ("active", False, False, -60, "ACTIVE"),  # a late renewal: only Dodo ends a subscription
        ("past_due", False, False, -60, "ACTIVE"),
        ("past_due", True, False, -60, "CANCELING"),
        ("cancelled", True, False, 1, "CANCELING"),
        ("cancelled", False, False, 1, "CANCELING"),
        ("cancelled", True, False, 0, "CANCELLED"),
        ("cancelled", False, False, -1, "CANCELLED"),
        ("on_hold", False, False, 60, "PENDING"),
        ("paused", False, False, 60, "PENDING"),
        ("failed", False, False, 60, "FAILED"),
        ("expired", False, False, 60, "EXPIRED"),
    ],
)
def test_access_follows_the_status_at_dodo(
    status: str, cancels: bool, is_trial: bool, ends_in_s: int, ours: str
) -> None:
    end = NOW + timedelta(seconds=ends_in_s)

    assert status_of(status, period_end=end, cancels=cancels, is_trial=is_trial, now=NOW) == ours


def test_an_unknown_status_is_an_error() -> None:
    with pytest.raises(UnknownSubscriptionStatus):
        status_of("frozen", period_end=NOW, cancels=False, is_trial=False, now=NOW)


@pytest.mark.parametrize(
    ("known", "after_s", "same", "verdict"),
    [
        (None, 0, False, Verdict.APPLY),
        (Version(NOW, "a"), 1, False, Verdict.APPLY),
        (Version(NOW, "a"), 1, True, Verdict.APPLY),  # or a report between the two would win
        (Version(NOW, "a"), 0, True, Verdict.IGNORE),
        (Version(NOW, "a"), 0, False, Verdict.UNSURE),
        (Version(NOW, "a"), -1, False, Verdict.IGNORE),
        (Version(NOW, "a", fetched_at=NOW), -1, False, Verdict.IGNORE),
        (Version(NOW, "a", fetched_at=NOW), 0, False, Verdict.UNSURE),
        (Version(NOW, "a", fetched_at=NOW), 300, False, Verdict.UNSURE),  # our clock may be five minutes behind
        (Version(NOW, "a", fetched_at=NOW), 300, True, Verdict.IGNORE),
        (Version(NOW, "a", fetched_at=NOW), 301, False, Verdict.APPLY),
    ],
)
def test_a_report_is_compared_by_the_providers_times(
    known: Version | None, after_s: int, same: bool, verdict: Verdict
) -> None:
    digest = "a" if same else "b"

    assert compare(known, digest=digest, occurred_at=NOW + after_s * SECOND) is verdict


def test_the_dearest_plan_that_is_paid_for_counts() -> None:
    pro = Candidate(1_900, True, NOW, "sub_1")
    ending = Candidate(4_900, False, NOW, "sub_2")

    assert choose_current([pro, ending]) is ending
    assert choose_current([Candidate(1_900, False, NOW + SECOND, "sub_3"), pro]) is pro
    assert choose_current([]) is None


@pytest.mark.proof
def test_any_order_of_events_ends_with_what_the_provider_says() -> None:
    fetches = 0
    histories = seeds(10_000)
    for seed in histories:
        history, records, reader = play(seed)
        fetches += reader.fetches
        truth = {
            id_: essence(facts_of(reader.get_subscription(id_)))
            for id_, subscription in history.books.subscriptions.items()
            if subscription.status != "pending" or id_ in records
        }

        assert {id_: essence(record.value) for id_, record in records.items()} == truth, (seed, history.steps)
        assert plan_of(records, history.books.now()) == history.plan(), (seed, history.steps)
    assert fetches > 0
