"""How a user becomes an administrator."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.factories import create_user
from whyviral.admin.administrators import NoSuchUser, make_administrator
from whyviral.analytics.models import AppLog


def test_the_user_of_a_verified_address_becomes_an_administrator_once(session: Session) -> None:
    user = create_user(session, email="ada@example.com")

    for spelling in ("ada@example.com", " Ada@Example.com "):
        assert make_administrator(session, spelling).id == user.id

    assert user.is_admin
    assert session.scalars(select(AppLog.event).where(AppLog.user_id == user.id)).all() == ["administrator_made"]


def test_an_unknown_address_is_refused_in_words(session: Session) -> None:
    with pytest.raises(NoSuchUser, match=r"no user has the address .*; sign in with it once"):
        make_administrator(session, "nobody@example.com")


def test_an_address_that_anyone_can_enter_is_refused(session: Session) -> None:
    user = create_user(session, email="ada@example.com", email_verified=False)

    with pytest.raises(NoSuchUser, match="is not verified"):
        make_administrator(session, "ada@example.com")
    assert not user.is_admin


def test_an_address_of_two_users_is_refused(session: Session) -> None:
    create_user(session, email="ada@example.com")
    create_user(session, email="ada@example.com")

    with pytest.raises(NoSuchUser, match="several users"):
        make_administrator(session, "ada@example.com")
