"""Clerk's webhook events about users and ended sessions. Source: clerk.com/docs, "Webhooks"."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError
from sqlalchemy.orm import Session

from whyviral.accounts import repository as accounts_repository
from whyviral.accounts import service as account_service
from whyviral.accounts.models import RevocationReason
from whyviral.accounts.profiles import profile_of
from whyviral.accounts.service import AccountDeleted
from whyviral.analytics.authentications import Authentication, Caller, record_authentication
from whyviral.analytics.models import AuthenticationEvent
from whyviral.core.clock import utc_now
from whyviral.integrations.clerk.users import read_user
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.http.vendor_model import Lenient, VendorModel
from whyviral.webhooks.inbox import IncomingEvent
from whyviral.webhooks.models import EventProvider, WebhookEvent

_FIRST_MILLISECONDS = 10**12
"""Smaller timestamps are seconds: Clerk documents milliseconds, but its examples contain seconds.

As milliseconds the number is the year 2001, as seconds the year 33658.
"""

type _Id = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]


class UnreadableEvent(Exception):
    """The body is not an event of Clerk's; the error message quotes nothing of it."""


class _Subject(VendorModel):
    id: Lenient[_Id] = None
    user_id: Lenient[_Id] = None


class _Envelope(VendorModel):
    type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_.]{1,100}$")]
    data: _Subject
    timestamp: Lenient[Annotated[int, Field(strict=True, ge=0)]] = None


class _EndedSession(VendorModel):
    id: _Id


class _DeletedUser(VendorModel):
    id: _Id


def read_event(event_id: str, body: bytes) -> IncomingEvent:
    """Return the event in a body whose signature has been verified.

    Raises:
        UnreadableEvent: the body is not an event, or names no user or session although its type requires one.
    """
    try:
        document = parse_untrusted_json(body)
        envelope = _Envelope.model_validate(document)
    except (NotJson, ValidationError):
        raise UnreadableEvent from None
    subject = envelope.data
    if envelope.type in _ACTIONS and subject.id is None:
        raise UnreadableEvent  # processing it from the queue would fail every time
    return IncomingEvent(
        provider=EventProvider.CLERK,
        event_id=event_id,
        type=envelope.type,
        subject_id=subject.id if envelope.type.startswith("user.") else subject.user_id,
        occurred_at=_read_timestamp(envelope.timestamp),
        payload=document if envelope.type in _ACTIONS else None,
    )


def act_on(session: Session, event: WebhookEvent) -> None:
    """Process an event. Events may be processed twice or out of order: older ones change nothing."""
    data = (event.payload or {}).get("data")
    _ACTIONS[event.type](session, event, data)


def _read_timestamp(timestamp: int | None) -> datetime | None:
    if timestamp is None:
        return None
    milliseconds = timestamp if timestamp >= _FIRST_MILLISECONDS else timestamp * 1000
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _sync_user(session: Session, _event: WebhookEvent, data: Any) -> None:
    user = read_user(data)
    try:
        account_service.sync_user(session, user.id, profile_of(user))
    except AccountDeleted:
        return  # an event from before the deletion, which is final


def _delete_user(session: Session, _event: WebhookEvent, data: Any) -> None:
    from whyviral.admin.user_data import delete_user  # noqa: PLC0415 - imports every domain, and deletions are rare

    delete_user(session, _DeletedUser.model_validate(data).id, now=utc_now())


def _end_session(session: Session, event: WebhookEvent, data: Any) -> None:
    session_id = _EndedSession.model_validate(data).id
    reason = RevocationReason(event.type.removeprefix("session."))
    if accounts_repository.revoke_session(session, session_id, reason):
        user = None if event.subject_id is None else accounts_repository.find_user(session, event.subject_id)
        ended = Authentication(
            AuthenticationEvent.SESSION_END,
            reason=reason,
            user_id=None if user is None else user.id,
            session_id=session_id,
        )
        record_authentication(session, ended, Caller())


_ACTIONS = {
    "user.created": _sync_user,
    "user.updated": _sync_user,
    "user.deleted": _delete_user,
    "session.ended": _end_session,
    "session.removed": _end_session,
    "session.revoked": _end_session,
}
"""Actions by event type; events of other types are recorded without their payload."""
