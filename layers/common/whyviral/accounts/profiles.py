"""What the identity provider tells us about a person."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """Name and address of a user; everything may be missing, and an address counts as unverified until proven."""

    email: str | None = None
    email_verified: bool = False
    full_name: str | None = None
    image_url: str | None = None
