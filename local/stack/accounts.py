"""Users of the local system: the demo user on the Business plan, and session tokens for any address."""

import uuid

import httpx
from sqlalchemy import select, update

from whyviral.accounts.models import IS_CURRENT, Plan, Subscription, User
from whyviral.core.database import build_engine, session_scope

DEMO_EMAIL = "demo@whyviral.example"
DEMO_PLAN = "business"
_DAY_S = 86_400


def create_token(stand_ins_url: str, email: str) -> tuple[str, str]:
    """Return a session token of the user with this address, valid for a day, and Clerk's id of the user."""
    response = httpx.post(
        f"{stand_ins_url}/__control/tokens", json={"email": email, "expires_in_seconds": _DAY_S}, timeout=10
    )
    response.raise_for_status()
    body = response.json()
    return body["token"], body["user_id"]


def user_id_of(stand_ins_url: str, api_url: str, database_url: str, email: str) -> uuid.UUID:
    """Return our id of the user with this address, who is created if new."""
    token, clerk_user_id = create_token(stand_ins_url, email)
    _touch(api_url, token)
    engine = build_engine(database_url)
    try:
        with session_scope(engine) as session:
            return session.scalars(select(User.id).where(User.clerk_user_id == clerk_user_id)).one()
    finally:
        engine.dispose()


def business_token(stand_ins_url: str, api_url: str, database_url: str, email: str) -> str:
    """Return a session token of the user with this address, after moving the user to the Business plan."""
    token, clerk_user_id = create_token(stand_ins_url, email)
    _touch(api_url, token)
    engine = build_engine(database_url)
    try:
        with session_scope(engine) as session:
            user_id = select(User.id).where(User.clerk_user_id == clerk_user_id).scalar_subquery()
            plan_id = select(Plan.id).where(Plan.slug == DEMO_PLAN).scalar_subquery()
            session.execute(
                update(Subscription).where(Subscription.user_id == user_id, IS_CURRENT).values(plan_id=plan_id)
            )
    finally:
        engine.dispose()
    return token


def _touch(api_url: str, token: str) -> None:
    """Make a call as the user, because the API creates the user's row with the first one."""
    response = httpx.get(f"{api_url}/api/analysis/requests/", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    response.raise_for_status()
