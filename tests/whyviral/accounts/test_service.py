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


def test_a_user_is_found_by_clerks_id(session: Session) -> None:
    user = create_user(session)

    assert service.find_user(session, user.clerk_user_id) is user


def test_a_user_never_seen_is_not_found(session: Session) -> None:
    assert service.find_user(session, "user_unknown") is None


def test_a_deleted_user_is_an_error_of_its_own(session: Session) -> None:
    user = create_user(session, deleted_at=datetime.now(UTC))

    with pytest.raises(AccountDeleted):
        service.find_user(session, user.clerk_user_id)


def test_a_new_user_has_what_clerk_said_and_the_free_plan(session: Session) -> None:
    user = service.create_user(session, "user_ada", PROFILE)

    assert (user.clerk_user_id, user.email, user.email_verified, user.full_name, user.profile_image) == (
        "user_ada",
        "ada@example.com",
        True,
        "Ada Lovelace",
        "https://a.example/",
    )
    assert service.get_user_plan(session, user.id).slug == "free"


def test_a_user_made_twice_is_one_user_as_first_made(session: Session) -> None:
    first = service.create_user(session, "user_ada", PROFILE)
    second = service.create_user(session, "user_ada", Profile())

    assert second is first
    assert second.email == "ada@example.com"
    assert count_subscriptions(session, first) == 1


def test_a_paid_plan_is_never_joined_by_a_free_one(session: Session) -> None:
    user = create_user(session)
    create_subscription(session, user, plan="pro")

    service.create_user(session, user.clerk_user_id, Profile())

    assert service.get_user_plan(session, user.id).slug == "pro"
    assert count_subscriptions(session, user) == 1


def test_a_deleted_user_is_not_made_again(session: Session) -> None:
    user = create_user(session, deleted_at=datetime.now(UTC))

    with pytest.raises(AccountDeleted):
        service.create_user(session, user.clerk_user_id, PROFILE)


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_a_plan_lasts_as_long_as_its_subscription_is_current(session: Session, status: SubscriptionStatus) -> None:
    user = create_user(session)
    create_subscription(session, user, plan="business", status=status)

    if status in {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIAL, SubscriptionStatus.CANCELING}:
        assert service.get_user_plan(session, user.id).slug == "business"
    else:
        with pytest.raises(NoCurrentPlan):
            service.get_user_plan(session, user.id)


def test_only_the_current_subscription_of_many_counts(session: Session) -> None:
    user = create_user(session)
    create_subscription(session, user, plan="business", status=SubscriptionStatus.EXPIRED)
    create_subscription(session, user, plan="free")

    assert service.get_user_plan(session, user.id).slug == "free"


def test_threads_that_see_a_user_first_at_the_same_moment_make_one(fresh_database: Callable[[], Database]) -> None:
    database = fresh_database()
    together = Barrier(8)

    def see_first(_: int) -> User:
        with session_scope(database.engine) as session:
            service.find_user(session, "user_ada")
            together.wait(timeout=WAIT_S)
            return service.create_user(session, "user_ada", PROFILE)

    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(see_first, range(8)))

    assert len({user.id for user in seen}) == 1
    with session_scope(database.engine) as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1
        assert count_subscriptions(session, seen[0]) == 1
