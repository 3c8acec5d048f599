"""Every query of accounts."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Exists, bindparam, case, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

from whyviral.core.pagination import Page, read_page

from .models import (
    CURRENT_STATUSES,
    IS_CURRENT,
    EmailVerification,
    Plan,
    RevocationReason,
    RevokedSession,
    Subscription,
    SubscriptionStatus,
    User,
    VerificationPurpose,
)
from .profiles import Profile


def find_user(session: Session, clerk_user_id: str) -> User | None:
    """Return the user with this Clerk id, deleted or not."""
    return session.scalar(select(User).where(User.clerk_user_id == clerk_user_id))


def find_user_and_revocation(session: Session, clerk_user_id: str, session_id: str) -> tuple[User, bool] | None:
    """Return the user and whether this session has been revoked, in one statement."""
    found = session.execute(
        _USER_AND_REVOCATION, {"clerk_user_id": clerk_user_id, "session_id": session_id}
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def insert_user(session: Session, clerk_user_id: str, profile: Profile) -> None:
    """Insert the user; do nothing if another request has inserted the same user."""
    session.execute(
        insert(User)
        .values(
            clerk_user_id=clerk_user_id,
            email=profile.email,
            email_verified=profile.email_verified,
            phone_or_wallet_verified=profile.phone_or_wallet_verified,
            full_name=profile.full_name,
            profile_image=profile.image_url,
            clerk_updated_at=profile.updated_at,
        )
        .on_conflict_do_nothing(index_elements=[User.clerk_user_id])
    )


def update_profile(session: Session, clerk_user_id: str, profile: Profile) -> bool:
    """Copy Clerk's profile into the row unless the stored one is newer; return whether the row changed.

    A profile without a date may be older than a stored one with a date, so it overwrites only undated values.
    """
    has_no_date = User.clerk_updated_at.is_(None)
    is_newer = (
        has_no_date if profile.updated_at is None else or_(has_no_date, User.clerk_updated_at < profile.updated_at)
    )
    changed = session.execute(
        update(User)
        .where(User.clerk_user_id == clerk_user_id, User.deleted_at.is_(None), is_newer)
        .values(
            email=profile.email,
            email_verified=profile.email_verified,
            phone_or_wallet_verified=profile.phone_or_wallet_verified,
            full_name=case((User.is_named_here, User.full_name), else_=profile.full_name),
            profile_image=profile.image_url,
            clerk_updated_at=profile.updated_at,
        )
        .returning(User.id)
    )
    return changed.first() is not None


def anonymise_user(session: Session, clerk_user_id: str, *, now: datetime) -> uuid.UUID:
    """Erase the personal data of a user and return the row's id; payments and analyses stay, without a name."""
    erased: dict[str, Any] = {
        "email": None,
        "email_verified": False,
        "phone_or_wallet_verified": False,
        "full_name": None,
        "company_name": None,
        "profile_image": None,
        "is_admin": False,
    }
    # An unknown user gets a row as well, so that a late event about them cannot create a live one.
    insertion = insert(User).values(clerk_user_id=clerk_user_id, deleted_at=now, **erased)
    changes = erased | {"deleted_at": func.coalesce(User.deleted_at, now), "updated_at": func.now()}
    return session.execute(
        insertion.on_conflict_do_update(index_elements=[User.clerk_user_id], set_=changes).returning(User.id)
    ).scalar_one()


def insert_subscription(session: Session, user_id: uuid.UUID, *, plan_slug: str) -> None:
    """Subscribe the user to this plan unless they have a current subscription."""
    plan_id = select(Plan.id).where(Plan.slug == plan_slug).scalar_subquery()
    session.execute(
        insert(Subscription)
        .values(user_id=user_id, plan_id=plan_id, status=SubscriptionStatus.ACTIVE)
        .on_conflict_do_nothing(index_elements=[Subscription.user_id], index_where=IS_CURRENT)
    )


def find_current_plan(session: Session, user_id: uuid.UUID) -> Plan | None:
    """Return the plan of the user's current subscription."""
    return session.scalar(
        select(Plan)
        .join(Subscription, Subscription.plan_id == Plan.id)
        .where(Subscription.user_id == user_id, Subscription.status.in_(CURRENT_STATUSES))
    )


def find_current_subscription(session: Session, user_id: uuid.UUID) -> Subscription | None:
    """Return the user's current subscription with its plan and the plan of a pending downgrade."""
    return session.scalar(
        select(Subscription)
        .where(Subscription.user_id == user_id, Subscription.status.in_(CURRENT_STATUSES))
        .options(joinedload(Subscription.plan), joinedload(Subscription.downgrade_to_plan))
    )


def list_active_plans(session: Session, *, page: int) -> Page[Plan]:
    """Return a page of the plans on sale, cheapest first."""
    active = select(Plan).where(Plan.is_active).order_by(Plan.price_cents, Plan.slug)
    return read_page(session, active, page)


def is_session_revoked(session: Session, session_id: str) -> bool:
    """Return whether a session has been revoked."""
    return bool(session.scalar(select(_is_revoked(session_id))))


def revoke_session(session: Session, session_id: str, reason: RevocationReason) -> bool:
    """Record that a session has ended, so that its tokens stop working; False if it was recorded before."""
    inserted = session.execute(
        insert(RevokedSession)
        .values(session_id=session_id, reason=reason)
        .on_conflict_do_nothing(index_elements=[RevokedSession.session_id])
        .returning(RevokedSession.id)
    )
    return inserted.first() is not None


def find_verification(
    session: Session, email_hash: str, purpose: VerificationPurpose, *, now: datetime
) -> EmailVerification | None:
    """Return the pending verification of an address, unless it has expired."""
    return session.scalar(
        select(EmailVerification).where(
            EmailVerification.email_hash == email_hash,
            EmailVerification.purpose == purpose,
            EmailVerification.expires_at > now,
        )
    )


def save_verification(session: Session, verification: EmailVerification) -> None:
    """Save a verification, replacing an earlier one of the same address and purpose."""
    values = {
        "clerk_user_id": verification.clerk_user_id,
        "email_address_id": verification.email_address_id,
        "verification_id": verification.verification_id,
        "expires_at": verification.expires_at,
        "proven_code_hash": None,
    }
    session.execute(
        insert(EmailVerification)
        .values(email_hash=verification.email_hash, purpose=verification.purpose, **values)
        .on_conflict_do_update(
            index_elements=[EmailVerification.email_hash, EmailVerification.purpose],
            set_={**values, "updated_at": func.now()},
        )
    )


def record_proof(session: Session, verification_id: str, code_hash: str) -> None:
    """Save the hash of the code that Clerk has accepted."""
    session.execute(
        update(EmailVerification)
        .where(EmailVerification.verification_id == verification_id)
        .values(proven_code_hash=code_hash)
    )


def delete_verification(session: Session, verification_id: str) -> None:
    """Delete a completed verification."""
    session.execute(delete(EmailVerification).where(EmailVerification.verification_id == verification_id))


def delete_verifications(session: Session, clerk_user_id: str) -> None:
    """Delete the pending verifications of a user."""
    session.execute(delete(EmailVerification).where(EmailVerification.clerk_user_id == clerk_user_id))


def _is_revoked(session_id: str | BindParameter[str]) -> Exists:
    return exists().where(RevokedSession.session_id == session_id)


_USER_AND_REVOCATION = select(User, _is_revoked(bindparam("session_id"))).where(
    User.clerk_user_id == bindparam("clerk_user_id")
)
"""Built once at import: every request starts with it, and building it takes as long as executing it."""
