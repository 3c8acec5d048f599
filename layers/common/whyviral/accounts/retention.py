"""Deletion of expired rows of accounts and throttling."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from whyviral.core.batch_delete import delete_batch
from whyviral.throttling.models import IdempotencyKey, RateWindow

from .models import EmailVerification, RevokedSession

REVOKED_SESSIONS_KEPT_FOR = timedelta(days=400)
"""A session that is signed out here while Clerk is unreachable stays open at Clerk, up to Clerk's session lifetime."""

EXPIRING = (IdempotencyKey, RateWindow, EmailVerification, RevokedSession)

type Expiring = type[IdempotencyKey | RateWindow | EmailVerification | RevokedSession]


def delete_expired(session: Session, model: Expiring, *, now: datetime, limit: int) -> int:
    """Delete at most `limit` expired rows and return how many were deleted."""
    return delete_batch(session, model, _is_expired(model, now), limit=limit)


def _is_expired(model: Expiring, now: datetime) -> ColumnElement[bool]:
    if issubclass(model, RevokedSession):
        return model.created_at < now - REVOKED_SESSIONS_KEPT_FOR
    return model.expires_at <= now
