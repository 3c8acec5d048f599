"""Processing of Clerk's events, also when they arrive repeatedly or out of order."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from tests import factories
from tests.functions.webhooks.conftest import USER_ID, Webhooks, user_data
from whyviral.accounts import service as account_service
from whyviral.accounts.models import RevokedSession, Subscription, User
from whyviral.accounts.service import AccountDeleted, SessionRevoked
from whyviral.analytics.models import AuthenticationLog
from whyviral.webhooks.models import WebhookEvent

DELETED = {"object": "user", "id": USER_ID, "deleted": True, "external_id": None}
SESSION = {"object": "session", "id": "sess_1", "user_id": USER_ID, "status": "revoked"}
T1, T2, T3 = 1_750_000_000_000, 1_750_000_001_000, 1_750_000_002_000
ERASED_PROFILE = (None, False, None, None, None)


def profile_of(user: User) -> tuple[Any, ...]:
    return user.email, user.email_verified, user.full_name, user.company_name, user.profile_image


def test_a_user_created_event_inserts_the_user_with_a_free_subscription(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data())
    failed = webhooks.process_queue()

    assert failed == []
    user = webhooks.user()
    assert user.clerk_user_id == USER_ID
    assert profile_of(user) == ("ada@example.com", True, "Ada Lovelace", None, "https://img.clerk.com/ada")
    with Session(webhooks.engine) as session:
        (subscription,) = session.scalars(select(Subscription).options(joinedload(Subscription.plan)))
        assert (subscription.user_id, subscription.plan.slug, subscription.status) == (user.id, "free", "ACTIVE")


def test_a_user_without_an_email_address_is_created(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data(email=None))
    webhooks.process_queue()

    assert webhooks.user().email is None


UPDATES = [
    ("user.created", user_data(updated_at=T1, email="first@example.com")),
    ("user.updated", user_data(updated_at=T2, email="second@example.com")),
    ("user.updated", user_data(updated_at=T3, email="third@example.com")),
]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_newest_profile_wins_in_any_order_of_events(webhooks: Webhooks, order: tuple[int, ...]) -> None:
    for number in order:
        webhooks.deliver(*UPDATES[number])
        webhooks.process_queue()

    assert webhooks.user().email == "third@example.com"
    assert len(webhooks.rows(Subscription)) == 1
    assert {state for _, state in webhooks.states()} == {"PROCESSED"}


def test_an_older_event_does_not_overwrite_a_newer_profile(webhooks: Webhooks) -> None:
    with Session(webhooks.engine) as session:
        newest = datetime.fromtimestamp(T3 / 1000, UTC)
        factories.create_user(session, clerk_user_id=USER_ID, email="new@example.com", clerk_updated_at=newest)
        session.commit()

    webhooks.deliver("user.updated", user_data(updated_at=T2, email="old@example.com"))
    webhooks.process_queue()

    assert webhooks.user().email == "new@example.com"


def test_an_event_does_not_overwrite_a_name_that_was_set_here(webhooks: Webhooks) -> None:
    with Session(webhooks.engine) as session:
        factories.create_user(session, clerk_user_id=USER_ID, full_name="Countess", is_named_here=True)
        session.commit()

    webhooks.deliver("user.updated", user_data())
    webhooks.process_queue()

    assert profile_of(webhooks.user())[:3] == ("ada@example.com", True, "Countess")


def test_a_user_update_does_not_replace_an_expired_subscription(webhooks: Webhooks) -> None:
    with Session(webhooks.engine) as session:
        user = factories.create_user(session, clerk_user_id=USER_ID)
        factories.create_subscription(session, user, plan="pro", status="EXPIRED")
        session.commit()

    webhooks.deliver("user.updated", user_data())
    webhooks.process_queue()

    assert [subscription.status for subscription in webhooks.rows(Subscription)] == ["EXPIRED"]


def test_a_user_deletion_erases_personal_data_and_keeps_subscriptions(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data())
    webhooks.process_queue()
    with Session(webhooks.engine, expire_on_commit=False) as session:
        user = session.scalars(select(User)).one()
        user.company_name, user.is_admin = "Analytical Engines", True
        session.commit()

    webhooks.deliver("user.deleted", DELETED)
    webhooks.process_queue()

    gone = webhooks.user()
    assert gone.id == user.id
    assert profile_of(gone) == ERASED_PROFILE
    assert (gone.is_admin, gone.deleted_at is not None) == (False, True)
    assert [subscription.user_id for subscription in webhooks.rows(Subscription)] == [gone.id]
    assert [event.payload for event in webhooks.rows(WebhookEvent)] == [None, None]
    assert "ada@example.com" not in str([vars(row) for row in webhooks.rows(WebhookEvent)])
    assert [(log.event, log.user_id) for log in webhooks.rows(AuthenticationLog)] == [("account_delete", gone.id)]


def test_a_token_of_a_deleted_user_is_rejected(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data())
    webhooks.deliver("user.deleted", DELETED)
    webhooks.process_queue()

    with Session(webhooks.engine) as session, pytest.raises(AccountDeleted):
        account_service.find_signed_in_user(session, USER_ID, session_id="sess_1")


@pytest.mark.parametrize(
    "order", [["user.deleted", "user.created"], ["user.created", "user.deleted", "user.updated"]], ids=str
)
def test_no_later_event_undoes_a_user_deletion(webhooks: Webhooks, order: list[str]) -> None:
    for event_type in order:
        webhooks.deliver(event_type, DELETED if event_type == "user.deleted" else user_data(updated_at=T3))
        webhooks.process_queue()

    assert profile_of(webhooks.user()) == ERASED_PROFILE
    assert webhooks.user().deleted_at is not None
    assert {state for _, state in webhooks.states()} == {"PROCESSED"}


def test_an_event_queued_before_the_user_deletion_does_nothing(webhooks: Webhooks) -> None:
    webhooks.deliver("user.updated", user_data())
    waiting, webhooks.queue.events = webhooks.queue.events, []
    webhooks.deliver("user.deleted", DELETED)
    webhooks.process_queue()

    webhooks.queue.events = waiting
    failed = webhooks.process_queue()

    assert failed == []
    assert profile_of(webhooks.user()) == ERASED_PROFILE
    assert webhooks.states() == [("user.updated", "PROCESSED"), ("user.deleted", "PROCESSED")]


@pytest.mark.parametrize("event_type", ["session.ended", "session.removed", "session.revoked"])
def test_a_session_that_ended_at_clerk_is_revoked_here(webhooks: Webhooks, event_type: str) -> None:
    webhooks.deliver("user.created", user_data())
    for _ in range(2):
        webhooks.deliver(event_type, SESSION)
    webhooks.process_queue()

    user, reason = webhooks.user(), event_type.removeprefix("session.")
    assert [(row.session_id, row.reason) for row in webhooks.rows(RevokedSession)] == [("sess_1", reason)]
    logs = [(log.event, log.reason, log.user_id, log.session_id) for log in webhooks.rows(AuthenticationLog)]
    assert logs == [("session_end", reason, user.id, "sess_1")]
    with Session(webhooks.engine) as session, pytest.raises(SessionRevoked):
        account_service.find_signed_in_user(session, USER_ID, session_id="sess_1")


@pytest.mark.parametrize("event_type", ["session.created", "session.pending"])
def test_session_start_events_are_ignored(webhooks: Webhooks, event_type: str) -> None:
    webhooks.deliver(event_type, SESSION)

    assert webhooks.states() == [(event_type, "IGNORED")]


@pytest.mark.parametrize(
    ("event_type", "data", "error"),
    [
        ("user.created", {"id": USER_ID, "email_addresses": "many"}, "UnreadableUser"),
        ("user.updated", {"id": USER_ID, "primary_email_address_id": 7}, "UnreadableUser"),
    ],
)
def test_an_unreadable_event_fails_with_its_error_name_and_is_retried(
    webhooks: Webhooks, event_type: str, data: dict[str, Any], error: str
) -> None:
    webhooks.deliver(event_type, data)

    failed = [len(webhooks.process_queue()) for _ in range(2)]

    assert failed == [1, 1]
    (event,) = webhooks.rows(WebhookEvent)
    assert (event.state, event.attempts, event.error, event.processed_at) == ("FAILED", 2, error, None)


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("user.created", {"object": "user"}),
        ("user.deleted", {"object": "user", "deleted": True}),
        ("user.deleted", {"id": None}),
        ("user.deleted", {"id": ["user"]}),
        ("session.ended", {"id": "sess 1\n", "user_id": USER_ID}),
        ("session.revoked", {"user_id": USER_ID}),
    ],
)
def test_an_event_without_a_subject_id_is_rejected_at_receipt(
    webhooks: Webhooks, event_type: str, data: dict[str, Any]
) -> None:
    status = webhooks.deliver(event_type, data)

    assert (status, webhooks.rows(WebhookEvent), webhooks.queue.events) == (400, [], [])


def test_an_undated_profile_never_overwrites_a_dated_one(webhooks: Webhooks) -> None:
    undated = {name: value for name, value in user_data().items() if name != "updated_at"}
    webhooks.deliver("user.created", undated)
    webhooks.deliver("user.updated", undated | {"first_name": "Augusta"})
    failed = webhooks.process_queue()
    name_of_undated_news = webhooks.user().full_name
    webhooks.deliver("user.updated", user_data(first_name="Ada"))
    webhooks.deliver("user.updated", undated | {"first_name": "Old", "updated_at": None})
    failed += webhooks.process_queue()

    assert failed == []
    assert name_of_undated_news == "Augusta Lovelace"
    assert webhooks.user().full_name == "Ada Lovelace"  # an undated profile may be older


def test_null_email_addresses_mean_a_user_without_an_address(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data(email_addresses=None))

    assert webhooks.process_queue() == []
    assert (webhooks.user().email, webhooks.user().full_name) == (None, "Ada Lovelace")


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "{}", '{"event": null}', '{"event": "no id"}', '{"event": 7}'])
def test_an_unreadable_queue_message_fails_alone(webhooks: Webhooks, body: str) -> None:
    webhooks.deliver("user.created", user_data())
    (event_id,) = webhooks.queue.events

    failed = webhooks.process_messages({"bad": body, "good": json.dumps({"event": str(event_id)})})

    assert failed == ["bad"]
    assert webhooks.states() == [("user.created", "PROCESSED")]


def test_a_batch_of_failed_messages_is_reported_item_by_item(webhooks: Webhooks) -> None:
    assert webhooks.process_messages({"one": "no JSON", "two": "{}"}) == ["one", "two"]


def test_a_failed_event_does_not_block_the_others(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", {"id": USER_ID, "email_addresses": "many"}, event_id="msg_bad")
    webhooks.deliver("user.created", user_data(), event_id="msg_good")

    failed = webhooks.process_queue()

    assert len(failed) == 1
    assert webhooks.states() == [("user.created", "FAILED"), ("user.created", "PROCESSED")]


def test_a_redelivered_failed_event_is_processed_again(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data(), event_id="msg_1")
    with Session(webhooks.engine) as session:
        event = session.scalars(select(WebhookEvent)).one()
        event.state, event.attempts, event.error = "FAILED", 5, "OperationalError"
        session.commit()
    webhooks.queue.events.clear()

    webhooks.deliver("user.created", user_data(), event_id="msg_1")
    webhooks.process_queue()

    (event,) = webhooks.rows(WebhookEvent)
    assert (event.state, event.attempts, event.error) == ("PROCESSED", 6, None)
    assert webhooks.user().email == "ada@example.com"


def test_a_message_about_an_event_missing_from_the_inbox_fails(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data())
    with Session(webhooks.engine) as session:
        session.delete(session.scalars(select(WebhookEvent)).one())
        session.commit()

    assert len(webhooks.process_queue()) == 1


def process_concurrently(webhooks: Webhooks, events: list[uuid.UUID]) -> int:
    """Process events in eight threads, one event per batch; return how many failed."""

    def process(event: uuid.UUID) -> int:
        worker = Webhooks(webhooks.engine)
        worker.queue.events = [event]
        return len(worker.process_queue())

    with ThreadPoolExecutor(8) as threads:
        return sum(threads.map(process, events))


def test_concurrent_updates_end_with_the_newest_profile(webhooks: Webhooks) -> None:
    for number in range(24):
        webhooks.deliver("user.updated", user_data(updated_at=T1 + number, email=f"ada{number}@example.com"))
    events = webhooks.queue.events * 2

    failed = process_concurrently(webhooks, events[::-1])

    assert failed == 0
    assert webhooks.user().email == "ada23@example.com"
    assert {event.attempts for event in webhooks.rows(WebhookEvent)} == {1}
    assert len(webhooks.rows(Subscription)) == 1


def test_a_user_deletion_among_concurrent_updates_causes_no_failure(webhooks: Webhooks) -> None:
    for number in range(12):
        webhooks.deliver("user.updated", user_data(updated_at=T1 + number))
    webhooks.deliver("user.deleted", DELETED)
    events = webhooks.queue.events

    failed = process_concurrently(webhooks, [*events[:4], events[-1], *events[4:-1]])

    assert failed == 0
    assert profile_of(webhooks.user()) == ERASED_PROFILE
    assert {state for _, state in webhooks.states()} == {"PROCESSED"}
