"""Errors of the database name the problem but never quote values."""

import traceback
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.factories import create_user

VALUE = "ada@example.com"


def refused(session: Session, statement: str) -> tuple[DBAPIError, dict[str, str]]:
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(text(statement), {"value": VALUE} if ":value" in statement else {})
    assert caught.value.orig is not None
    fields: dict[str, Any] = caught.value.orig.args[0]
    return caught.value, fields


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("insert into users (clerk_user_id, email) values ('twice', :value), ('twice', :value)", "23505"),
        ("insert into users (clerk_user_id, email) values (null, :value)", "23502"),
        ("insert into feedback (user_id, category, text) values (gen_random_uuid(), :value, :value)", "23514"),
        ("select cast(:value as uuid)", "22P02"),
        ("select to_date(:value, 'YYYY')", "22007"),
        ("do $$ begin perform cast('ada@example.com' as int); end $$", "22P02"),
    ],
)
def test_an_error_quotes_no_value(session: Session, statement: str, code: str) -> None:
    error, fields = refused(session, statement)

    # Our statements contain no values; only this test writes one into a statement.
    message = "".join(traceback.format_exception(error)).replace(statement, "")
    assert fields["C"] == code
    assert VALUE not in message
    assert code in message


def test_a_database_error_still_names_the_violated_constraint(session: Session) -> None:
    create_user(session, clerk_user_id="user_taken")

    error, fields = refused(session, "insert into users (clerk_user_id) values ('user_taken')")

    assert fields["n"] == "uq_users_clerk_user_id"
    assert "duplicate key value violates unique constraint" in str(error)
