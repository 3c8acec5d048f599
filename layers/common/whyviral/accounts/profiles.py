"""What the identity provider tells us about a person."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the pipeline's functions import this module, and would build models of Clerk that they never see
    from whyviral.integrations.clerk.users import ClerkUser


@dataclass(frozen=True, slots=True)
class Profile:
    """Name and address of a user; everything may be missing, and an address counts as unverified until proven."""

    email: str | None = None
    email_verified: bool = False
    phone_or_wallet_verified: bool = False
    full_name: str | None = None
    image_url: str | None = None
    updated_at: datetime | None = None
    """When the provider last changed it; None when it was not the provider itself that told us."""


def profile_of(user: "ClerkUser") -> Profile:
    """Return what Clerk says about a user."""
    return Profile(
        email=user.email,
        email_verified=user.email_verified,
        phone_or_wallet_verified=user.phone_or_wallet_verified,
        full_name=user.full_name,
        image_url=user.image_url,
        updated_at=user.updated_at,
    )
