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
    Verdict,
    advance,
    choose_current,
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
    for _ in range(history.chance.randint(3, 25)):
        history.step()
        for event in mail.some():
            receive(records, history.delivery(event), reader)
        if records and history.chance.random() < 0.1:
            id_ = history.chance.choice(list(records))
            records[id_] = fetch(records[id_], id_, records[id_].version.updated_at, reader)
    for event in mail.rest():
        receive(records, history.delivery(event), reader)
    return history, records, reader


@pytest.mark.proof
def test_any_order_of_events_ends_with_what_the_provider_says() -> None:
    fetches = 0
    for seed in seeds(10_000):
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
