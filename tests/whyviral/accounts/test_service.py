"""Rules of accounts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.factories import create_subscription, create_user
from tests.fixtures.database import Database
from tests.fixtures.waits import WAIT_S
from whyviral.accounts import service
from whyviral.accounts.models import Subscription, SubscriptionStatus, User
from whyviral.accounts.profiles import Profile
from whyviral.accounts.service import AccountDeleted, NoCurrentPlan
from whyviral.core.database import session_scope

PROFILE = Profile(
    email="ada@example.com", email_verified=True, full_name="Ada Lovelace", image_url="https://a.example/"
)


def count_subscriptions(session: Session, user: User) -> int:
    return session.scalar(select(func.count()).where(Subscription.user_id == user.id)) or 0


def test_a_user_is_found_by_their_clerk_id(session: Session) -> None:
    user = create_user(session)

    assert service.find_user(session, user.clerk_user_id) is user


def test_an_unknown_clerk_id_finds_no_user(session: Session) -> None:
    assert service.find_user(session, "user_unknown") is None


def test_finding_a_deleted_user_raises_account_deleted(session: Session) -> None:
    user = create_user(session, deleted_at=datetime.now(UTC))

    with pytest.raises(AccountDeleted):
        service.find_user(session, user.clerk_user_id)


def test_a_new_user_has_clerks_profile_and_the_free_plan(session: Session) -> None:
    user = service.create_user(session, "user_ada", PROFILE)

    assert (user.clerk_user_id, user.email, user.email_verified, user.full_name, user.profile_image) == (
        "user_ada",
        "ada@example.com",
        True,
        "Ada Lovelace",
        "https://a.example/",
    )
    assert service.get_user_plan(session, user.id).slug == "free"


def test_creating_a_user_twice_keeps_the_first_profile(session: Session) -> None:
    first = service.create_user(session, "user_ada", PROFILE)
    second = service.create_user(session, "user_ada", Profile())

    assert second is first
    assert second.email == "ada@example.com"
    assert count_subscriptions(session, first) == 1


def test_a_user_with_a_paid_plan_gets_no_free_subscription(session: Session) -> None:
    user = create_user(session)
    create_subscription(session, user, plan="pro")

    service.create_user(session, user.clerk_user_id, Profile())

    assert service.get_user_plan(session, user.id).slug == "pro"
    assert count_subscriptions(session, user) == 1


def test_a_deleted_user_cannot_be_created_again(session: Session) -> None:
    user = create_user(session, deleted_at=datetime.now(UTC))

    with pytest.raises(AccountDeleted):
        service.create_user(session, user.clerk_user_id, PROFILE)


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_a_user_has_a_plan_only_while_the_subscription_is_current(session: Session, status: SubscriptionStatus) -> None:
    user = create_user(session)
    create_subscription(session, user, plan="business", status=status)

    if status in {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIAL, SubscriptionStatus.CANCELING}:
        assert service.get_user_plan(session, user.id).slug == "business"
    else:
        with pytest.raises(NoCurrentPlan):
            service.get_user_plan(session, user.id)


def test_an_expired_subscription_does_not_hide_the_current_one(session: Session) -> None:
    user = create_user(session)
    create_subscription(session, user, plan="business", status=SubscriptionStatus.EXPIRED)
    create_subscription(session, user, plan="free")

    assert service.get_user_plan(session, user.id).slug == "free"


def test_concurrent_first_requests_of_a_user_create_one_row(fresh_database: Callable[[], Database]) -> None:
    database = fresh_database()
    together = Barrier(8)

    def create_concurrently(_: int) -> User:
        with session_scope(database.engine) as session:
            service.find_user(session, "user_ada")
            together.wait(timeout=WAIT_S)
            return service.create_user(session, "user_ada", PROFILE)

    with ThreadPoolExecutor(8) as threads:
        users = list(threads.map(create_concurrently, range(8)))

    assert len({user.id for user in users}) == 1
    with session_scope(database.engine) as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1
        assert count_subscriptions(session, users[0]) == 1
