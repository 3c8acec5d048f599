"""The parser for Clerk's user documents in answers and webhooks. Source: clerk/openapi-specs, bapi 2026-05-12."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, ValidationError

from whyviral.integrations.http.vendor_model import Lenient, VendorModel

type Milliseconds = Annotated[int, Field(strict=True, ge=0, lt=253_402_300_800_000)]
"""Milliseconds since 1970, within the range of a datetime."""
_MAX_NAME_LENGTH = 400
_MAX_EMAIL_LENGTH = 320
_MAX_URL_LENGTH = 2_000


class UnreadableUser(Exception):
    """The document does not describe a user; the message does not quote it."""


@dataclass(frozen=True, slots=True)
class ClerkUser:
    """A user of Clerk; missing flags count as False, so a user with unknown status is not banned or locked."""

    id: str
    email: str | None
    """The primary address."""
    email_verified: bool = False
    full_name: str | None = None
    image_url: str | None = None
    updated_at: datetime | None = None
    email_address_id: str | None = None
    """Clerk's id of the primary address."""
    is_banned: bool = False
    is_locked: bool = False
    has_second_factor: bool = False
    is_unclaimed: bool = False
    """Whether the address is only reserved by a sign-up through the Backend API, and the user has never signed in."""
    phone_or_wallet_verified: bool = False
    """Whether any of the user's phone numbers or wallets is verified."""


class _Verification(VendorModel):
    status: Lenient[str] = None


class _EmailAddress(VendorModel):
    id: Lenient[Annotated[str, Field(max_length=255)]] = None
    email_address: Lenient[Annotated[str, Field(max_length=_MAX_EMAIL_LENGTH)]] = None
    reserved: Lenient[bool] = None
    verification: Lenient[_Verification] = None

    @property
    def is_verified(self) -> bool:
        return self.verification is not None and self.verification.status == "verified"


class _Identification(VendorModel):
    """A phone number or a wallet."""

    verification: Lenient[_Verification] = None

    @property
    def is_verified(self) -> bool:
        return self.verification is not None and self.verification.status == "verified"


class _User(VendorModel):
    id: Annotated[str, Field(min_length=1, max_length=255)]
    first_name: Lenient[Annotated[str, Field(max_length=_MAX_NAME_LENGTH)]] = None
    last_name: Lenient[Annotated[str, Field(max_length=_MAX_NAME_LENGTH)]] = None
    image_url: Lenient[Annotated[str, Field(max_length=_MAX_URL_LENGTH)]] = None
    primary_email_address_id: str | None = None
    email_addresses: Sequence[_EmailAddress] | None = None
    phone_numbers: Lenient[Sequence[_Identification]] = None
    web3_wallets: Lenient[Sequence[_Identification]] = None
    banned: Lenient[bool] = None
    locked: Lenient[bool] = None
    two_factor_enabled: Lenient[bool] = None
    last_sign_in_at: Lenient[Milliseconds] = None
    updated_at: Lenient[Milliseconds] = None


def read_user(document: Any) -> ClerkUser:
    """Parse a user document.

    Raises:
        UnreadableUser: the document does not describe a user.
    """
    try:
        return _to_user(_User.model_validate(document))
    except ValidationError:
        raise UnreadableUser("not a user of Clerk") from None


def to_datetime(milliseconds: int) -> datetime:
    """Convert a Clerk timestamp to an aware UTC datetime."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _primary_address(user: _User) -> _EmailAddress | None:
    """Return the user's primary e-mail entry; None if there is none or it has no address."""
    if user.primary_email_address_id is None:
        return None
    matching = (entry for entry in user.email_addresses or () if entry.id == user.primary_email_address_id)
    return next((entry for entry in matching if entry.email_address is not None), None)


def _to_user(user: _User) -> ClerkUser:
    primary = _primary_address(user)
    is_verified = primary is not None and primary.is_verified
    return ClerkUser(
        id=user.id,
        email=primary.email_address if primary else None,
        email_verified=is_verified,
        phone_or_wallet_verified=any(
            each.is_verified for each in (*(user.phone_numbers or ()), *(user.web3_wallets or ()))
        ),
        full_name=" ".join(part for part in (user.first_name, user.last_name) if part) or None,
        image_url=user.image_url,
        updated_at=None if user.updated_at is None else to_datetime(user.updated_at),
        email_address_id=primary.id if primary else None,
        is_banned=bool(user.banned),
        is_locked=bool(user.locked),
        has_second_factor=bool(user.two_factor_enabled),
        is_unclaimed=primary is not None
        and bool(primary.reserved)
        and not is_verified
        and user.last_sign_in_at is None,
    )
