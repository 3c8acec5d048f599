"""How rows of accounts go that say nothing any more."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from whyviral.core.batch_delete import delete_batch
from whyviral.throttling.models import IdempotencyKey, RateWindow

from .models import EmailVerification, RevokedSession

REVOKED_SESSIONS_KEPT_FOR = timedelta(days=400)
"""Whoever signs out while Clerk is away has a session there that lives on, for as long as Clerk is set to let it."""

EXPIRING = (IdempotencyKey, RateWindow, EmailVerification, RevokedSession)

type Expiring = type[IdempotencyKey | RateWindow | EmailVerification | RevokedSession]


def delete_expired(session: Session, model: Expiring, *, now: datetime, limit: int) -> int:
    """Delete at most `limit` rows that say nothing any more, and return how many there were."""
    return delete_batch(session, model, _is_expired(model, now), limit=limit)


def _is_expired(model: Expiring, now: datetime) -> ColumnElement[bool]:
    if issubclass(model, RevokedSession):
        return model.created_at < now - REVOKED_SESSIONS_KEPT_FOR
    return model.expires_at <= now
