"""Authentications are logged, and a failure to log one does not affect the sign-in."""

import uuid
from typing import Any, cast

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.factories import create_user
from whyviral.accounts.models import User
from whyviral.analytics.authentications import Authentication, Caller, record_authentication
from whyviral.analytics.models import AuthenticationEvent, AuthenticationLog, AuthenticationOutcome

CALLER = Caller(address="192.0.2.1", user_agent="Browser/1", request_id="request-1")


def test_an_authentication_is_logged_with_its_origin(session: Session) -> None:
    user_id = uuid.uuid4()
    happened = Authentication(
        AuthenticationEvent.SIGN_IN, AuthenticationOutcome.REFUSED, "invalid_credentials", user_id, "hash", "sess_1"
    )

    record_authentication(session, happened, CALLER)

    log = session.scalars(select(AuthenticationLog)).one()
    assert (log.event, log.outcome, log.reason, log.user_id, log.email_hash, log.session_id, log.actor) == (
        *("sign_in", "refused", "invalid_credentials", user_id, "hash", "sess_1"),
        None,
    )
    assert (log.address, log.user_agent, log.request_id) == ("192.0.2.1", "Browser/1", "request-1")


@pytest.mark.parametrize("values", [{"event": "unheard_of"}, {"reason": "a\x00b"}])
def test_an_authentication_that_cannot_be_logged_does_not_fail_the_transaction(
    session: Session, caplog: pytest.LogCaptureFixture, values: dict[str, Any]
) -> None:
    user = create_user(session)
    impossible = Authentication(**cast("dict[str, Any]", {"event": AuthenticationEvent.SIGN_IN} | values))

    record_authentication(session, impossible, CALLER)

    assert session.scalars(select(User.id).where(User.id == user.id)).one() == user.id
    assert session.scalars(select(AuthenticationLog.id)).all() == []
    assert [record.message for record in caplog.records] == ["authentication not recorded"]
