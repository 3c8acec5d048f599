"""The profile of a user as the identity provider reports it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the pipeline's functions import this module and never need Clerk's pydantic models
    from whyviral.integrations.clerk.users import ClerkUser


@dataclass(frozen=True, slots=True)
class Profile:
    """Name and e-mail address of a user; each may be missing, and an address is unverified unless stated."""

    email: str | None = None
    email_verified: bool = False
    phone_or_wallet_verified: bool = False
    full_name: str | None = None
    image_url: str | None = None
    updated_at: datetime | None = None
    """When the provider last changed the profile; None when the profile does not come from the provider itself."""


def profile_of(user: "ClerkUser") -> Profile:
    """Return the profile in one of Clerk's user objects."""
    return Profile(
        email=user.email,
        email_verified=user.email_verified,
        phone_or_wallet_verified=user.phone_or_wallet_verified,
        full_name=user.full_name,
        image_url=user.image_url,
        updated_at=user.updated_at,
    )
