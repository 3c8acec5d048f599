"""What Clerk tells: users who came, changed and went, and sessions that ended. Source: clerk.com/docs, "Webhooks"."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError
from sqlalchemy.orm import Session

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
"""Documented as milliseconds, but Clerk's own examples hold seconds; this is the year 2001 or 33658."""

type _Id = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]


class UnreadableEvent(Exception):
    """The body is no event of Clerk's; the message holds nothing of it."""


class _About(VendorModel):
    id: Lenient[_Id] = None
    user_id: Lenient[_Id] = None


class _Envelope(VendorModel):
    type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_.]{1,100}$")]
    data: _About
    timestamp: Lenient[Annotated[int, Field(strict=True, ge=0)]] = None


class _EndedSession(VendorModel):
    id: _Id


class _DeletedUser(VendorModel):
    id: _Id


def read_event(event_id: str, body: bytes) -> IncomingEvent:
    """Return the event in a body whose signature is good.

    Raises:
        UnreadableEvent: it is none, or does not name the user or session that we would have to act on.
    """
    try:
        document = parse_untrusted_json(body)
        envelope = _Envelope.model_validate(document)
    except (NotJson, ValidationError):
        raise UnreadableEvent from None
    about = envelope.data
    if envelope.type in _ACTIONS and about.id is None:
        raise UnreadableEvent  # refused now, or it would fail in the queue for ever
    return IncomingEvent(
        provider=EventProvider.CLERK,
        event_id=event_id,
        type=envelope.type,
        subject_id=about.id if envelope.type.startswith("user.") else about.user_id,
        occurred_at=_moment(envelope.timestamp),
        payload=document if envelope.type in _ACTIONS else None,
    )


def act_on(session: Session, event: WebhookEvent) -> None:
    """Do what an event asks for; doing it again, or after a later one, changes nothing."""
    data = (event.payload or {}).get("data")
    _ACTIONS[event.type](session, event, data)


def _moment(timestamp: int | None) -> datetime | None:
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
        return  # news of before: a deletion is for ever


def _delete_user(session: Session, _event: WebhookEvent, data: Any) -> None:
    from whyviral.admin.user_data import delete_user  # noqa: PLC0415 - imports every domain, and deletions are rare

    delete_user(session, _DeletedUser.model_validate(data).id, now=utc_now())


def _end_session(session: Session, event: WebhookEvent, data: Any) -> None:
    session_id = _EndedSession.model_validate(data).id
    reason = RevocationReason(event.type.removeprefix("session."))
    if account_service.revoke_session(session, session_id, reason):
        user = None if event.subject_id is None else account_service.find_any_user(session, event.subject_id)
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
"""By type; of all others only the arrival is noted."""
