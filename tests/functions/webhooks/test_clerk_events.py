"""What becomes of Clerk's events, in whatever order and however often they come."""

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
NOBODY = (None, False, None, None, None)


def who(user: User) -> tuple[Any, ...]:
    return user.email, user.email_verified, user.full_name, user.company_name, user.profile_image


def test_a_created_user_has_a_row_and_a_free_subscription(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data())
    failed = webhooks.work()

    assert failed == []
    user = webhooks.user()
    assert user.clerk_user_id == USER_ID
    assert who(user) == ("ada@example.com", True, "Ada Lovelace", None, "https://img.clerk.com/ada")
    with Session(webhooks.engine) as session:
        (subscription,) = session.scalars(select(Subscription).options(joinedload(Subscription.plan)))
        assert (subscription.user_id, subscription.plan.slug, subscription.status) == (user.id, "free", "ACTIVE")


def test_a_user_without_any_address_is_one_too(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data(email=None))
    webhooks.work()

    assert webhooks.user().email is None


NEWS = [
    ("user.created", user_data(updated_at=T1, email="first@example.com")),
    ("user.updated", user_data(updated_at=T2, email="second@example.com")),
    ("user.updated", user_data(updated_at=T3, email="third@example.com")),
]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_newest_word_counts_in_whatever_order_they_come(webhooks: Webhooks, order: tuple[int, ...]) -> None:
    for number in order:
        webhooks.deliver(*NEWS[number])
        webhooks.work()

    assert webhooks.user().email == "third@example.com"
    assert len(webhooks.rows(Subscription)) == 1
    assert {state for _, state in webhooks.states()} == {"PROCESSED"}


def test_what_the_api_knows_newer_is_not_overwritten(webhooks: Webhooks) -> None:
    with Session(webhooks.engine) as session:
        newest = datetime.fromtimestamp(T3 / 1000, UTC)
        factories.create_user(session, clerk_user_id=USER_ID, email="new@example.com", clerk_updated_at=newest)
        session.commit()

    webhooks.deliver("user.updated", user_data(updated_at=T2, email="old@example.com"))
    webhooks.work()

    assert webhooks.user().email == "new@example.com"


def test_a_name_that_was_chosen_here_stays(webhooks: Webhooks) -> None:
    with Session(webhooks.engine) as session:
        factories.create_user(session, clerk_user_id=USER_ID, full_name="Countess", is_named_here=True)
        session.commit()

    webhooks.deliver("user.updated", user_data())
    webhooks.work()

    assert who(webhooks.user())[:3] == ("ada@example.com", True, "Countess")


def test_a_subscription_that_has_ended_is_not_given_again(webhooks: Webhooks) -> None:
    with Session(webhooks.engine) as session:
        user = factories.create_user(session, clerk_user_id=USER_ID)
        factories.create_subscription(session, user, plan="pro", status="EXPIRED")
        session.commit()

    webhooks.deliver("user.updated", user_data())
    webhooks.work()

    assert [subscription.status for subscription in webhooks.rows(Subscription)] == ["EXPIRED"]


def test_a_deleted_user_has_no_name_any_more_and_keeps_what_was_billed(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data())
    webhooks.work()
    with Session(webhooks.engine, expire_on_commit=False) as session:
        user = session.scalars(select(User)).one()
        user.company_name, user.is_admin = "Analytical Engines", True
        session.commit()

    webhooks.deliver("user.deleted", DELETED)
    webhooks.work()

    gone = webhooks.user()
    assert gone.id == user.id
    assert who(gone) == NOBODY
    assert (gone.is_admin, gone.deleted_at is not None) == (False, True)
    assert [subscription.user_id for subscription in webhooks.rows(Subscription)] == [gone.id]
    assert [event.payload for event in webhooks.rows(WebhookEvent)] == [None, None]
    assert "ada@example.com" not in str([vars(row) for row in webhooks.rows(WebhookEvent)])
    assert [(log.event, log.user_id) for log in webhooks.rows(AuthenticationLog)] == [("account_delete", gone.id)]


def test_a_deleted_users_token_is_of_no_use_any_more(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data())
    webhooks.deliver("user.deleted", DELETED)
    webhooks.work()

    with Session(webhooks.engine) as session, pytest.raises(AccountDeleted):
        account_service.find_signed_in_user(session, USER_ID, session_id="sess_1")


@pytest.mark.parametrize(
    "order", [["user.deleted", "user.created"], ["user.created", "user.deleted", "user.updated"]], ids=str
)
def test_a_deletion_is_for_ever_whatever_comes_after_it(webhooks: Webhooks, order: list[str]) -> None:
    for event_type in order:
        webhooks.deliver(event_type, DELETED if event_type == "user.deleted" else user_data(updated_at=T3))
        webhooks.work()

    assert who(webhooks.user()) == NOBODY
    assert webhooks.user().deleted_at is not None
    assert {state for _, state in webhooks.states()} == {"PROCESSED"}


def test_what_is_still_queued_when_its_user_is_deleted_does_nothing(webhooks: Webhooks) -> None:
    webhooks.deliver("user.updated", user_data())
    waiting, webhooks.queue.events = webhooks.queue.events, []
    webhooks.deliver("user.deleted", DELETED)
    webhooks.work()

    webhooks.queue.events = waiting
    failed = webhooks.work()

    assert failed == []
    assert who(webhooks.user()) == NOBODY
    assert webhooks.states() == [("user.updated", "PROCESSED"), ("user.deleted", "PROCESSED")]


@pytest.mark.parametrize("event_type", ["session.ended", "session.removed", "session.revoked"])
def test_a_session_that_ended_at_clerk_has_ended_here(webhooks: Webhooks, event_type: str) -> None:
    webhooks.deliver("user.created", user_data())
    for _ in range(2):
        webhooks.deliver(event_type, SESSION)
    webhooks.work()

    user, reason = webhooks.user(), event_type.removeprefix("session.")
    assert [(row.session_id, row.reason) for row in webhooks.rows(RevokedSession)] == [("sess_1", reason)]
    logs = [(log.event, log.reason, log.user_id, log.session_id) for log in webhooks.rows(AuthenticationLog)]
    assert logs == [("session_end", reason, user.id, "sess_1")]
    with Session(webhooks.engine) as session, pytest.raises(SessionRevoked):
        account_service.find_signed_in_user(session, USER_ID, session_id="sess_1")


@pytest.mark.parametrize("event_type", ["session.created", "session.pending"])
def test_a_session_that_begins_is_no_matter_of_ours(webhooks: Webhooks, event_type: str) -> None:
    webhooks.deliver(event_type, SESSION)

    assert webhooks.states() == [(event_type, "IGNORED")]


@pytest.mark.parametrize(
    ("event_type", "data", "error"),
    [
        ("user.created", {"id": USER_ID, "email_addresses": "many"}, "UnreadableUser"),
        ("user.updated", {"id": USER_ID, "primary_email_address_id": 7}, "UnreadableUser"),
    ],
)
def test_an_event_that_cannot_be_understood_fails_by_name_and_comes_again(
    webhooks: Webhooks, event_type: str, data: dict[str, Any], error: str
) -> None:
    webhooks.deliver(event_type, data)

    failed = [len(webhooks.work()) for _ in range(2)]

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
def test_an_event_that_does_not_say_whom_it_is_about_is_refused_at_receipt(
    webhooks: Webhooks, event_type: str, data: dict[str, Any]
) -> None:
    status = webhooks.deliver(event_type, data)

    assert (status, webhooks.rows(WebhookEvent), webhooks.queue.events) == (400, [], [])


def test_a_user_without_a_date_is_known_and_later_news_of_them_counts(webhooks: Webhooks) -> None:
    undated = {name: value for name, value in user_data().items() if name != "updated_at"}
    webhooks.deliver("user.created", undated)
    webhooks.deliver("user.updated", undated | {"first_name": "Augusta"})
    failed = webhooks.work()
    name_of_undated_news = webhooks.user().full_name
    webhooks.deliver("user.updated", user_data(first_name="Ada"))
    webhooks.deliver("user.updated", undated | {"first_name": "Old", "updated_at": None})
    failed += webhooks.work()

    assert failed == []
    assert name_of_undated_news == "Augusta Lovelace"
    assert webhooks.user().full_name == "Ada Lovelace"  # what has no date may be older than what has


def test_a_user_with_null_for_addresses_is_one_without_an_address(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data(email_addresses=None))

    assert webhooks.work() == []
    assert (webhooks.user().email, webhooks.user().full_name) == (None, "Ada Lovelace")


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "{}", '{"event": null}', '{"event": "no id"}', '{"event": 7}'])
def test_a_queue_message_that_cannot_be_read_is_one_failed_item(webhooks: Webhooks, body: str) -> None:
    webhooks.deliver("user.created", user_data())
    (event_id,) = webhooks.queue.events

    failed = webhooks.work_on({"bad": body, "good": json.dumps({"event": str(event_id)})})

    assert failed == ["bad"]
    assert webhooks.states() == [("user.created", "PROCESSED")]


def test_a_batch_that_fails_whole_is_reported_item_by_item(webhooks: Webhooks) -> None:
    assert webhooks.work_on({"one": "no JSON", "two": "{}"}) == ["one", "two"]


def test_one_event_that_fails_holds_up_no_other(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", {"id": USER_ID, "email_addresses": "many"}, event_id="msg_bad")
    webhooks.deliver("user.created", user_data(), event_id="msg_good")

    failed = webhooks.work()

    assert len(failed) == 1
    assert webhooks.states() == [("user.created", "FAILED"), ("user.created", "PROCESSED")]


def test_a_failed_event_that_is_delivered_again_is_acted_on_again(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data(), event_id="msg_1")
    with Session(webhooks.engine) as session:
        event = session.scalars(select(WebhookEvent)).one()
        event.state, event.attempts, event.error = "FAILED", 5, "OperationalError"
        session.commit()
    webhooks.queue.events.clear()

    webhooks.deliver("user.created", user_data(), event_id="msg_1")
    webhooks.work()

    (event,) = webhooks.rows(WebhookEvent)
    assert (event.state, event.attempts, event.error) == ("PROCESSED", 6, None)
    assert webhooks.user().email == "ada@example.com"


def test_an_event_that_the_inbox_does_not_hold_fails(webhooks: Webhooks) -> None:
    webhooks.deliver("user.created", user_data())
    with Session(webhooks.engine) as session:
        session.delete(session.scalars(select(WebhookEvent)).one())
        session.commit()

    assert len(webhooks.work()) == 1


def act_at_once(webhooks: Webhooks, events: list[uuid.UUID]) -> int:
    """Act on events from eight threads, one event a batch; return how many failed."""

    def act(event: uuid.UUID) -> int:
        worker = Webhooks(webhooks.engine)
        worker.queue.events = [event]
        return len(worker.work())

    with ThreadPoolExecutor(8) as threads:
        return sum(threads.map(act, events))


def test_a_storm_of_news_in_any_order_ends_with_the_newest(webhooks: Webhooks) -> None:
    for number in range(24):
        webhooks.deliver("user.updated", user_data(updated_at=T1 + number, email=f"ada{number}@example.com"))
    events = webhooks.queue.events * 2

    failed = act_at_once(webhooks, events[::-1])

    assert failed == 0
    assert webhooks.user().email == "ada23@example.com"
    assert {event.attempts for event in webhooks.rows(WebhookEvent)} == {1}
    assert len(webhooks.rows(Subscription)) == 1


def test_a_deletion_in_the_middle_of_a_storm_stands_in_nobodys_way(webhooks: Webhooks) -> None:
    for number in range(12):
        webhooks.deliver("user.updated", user_data(updated_at=T1 + number))
    webhooks.deliver("user.deleted", DELETED)
    events = webhooks.queue.events

    failed = act_at_once(webhooks, [*events[:4], events[-1], *events[4:-1]])

    assert failed == 0
    assert who(webhooks.user()) == NOBODY
    assert {state for _, state in webhooks.states()} == {"PROCESSED"}
