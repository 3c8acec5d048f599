"""API keys of Clerk: their shape, and the document that describes one.

Source: clerk-backend-api 7.0.0, `VerifyAPIKeyResponseBody`.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from whyviral.integrations.http.vendor_model import VendorModel

from .users import to_datetime

PREFIX = "ak_"
_SECRET = re.compile(r"ak_[A-Za-z0-9_-]{8,500}")
_MAX_SCOPES = 100


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that Clerk knows; it may be revoked or expired."""

    id: str
    subject: str
    """The id of the user or organization to which the key belongs."""
    scopes: frozenset[str]
    is_revoked: bool
    is_expired: bool
    """Whether the key had expired when it was verified."""
    created_at: datetime
    expires_at: datetime | None


class KeyDocument(VendorModel):
    """The answer to a verification."""

    id: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]
    subject: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]
    scopes: Annotated[Sequence[Annotated[str, Field(max_length=255)]], Field(max_length=_MAX_SCOPES)]
    revoked: bool
    expired: bool
    expiration: Annotated[float, Field(ge=0, lt=253_402_300_800_000)] | None
    created_at: Annotated[float, Field(ge=0, lt=253_402_300_800_000)]

    def to_key(self) -> ApiKey:
        """Return the key that the document describes."""
        return ApiKey(
            id=self.id,
            subject=self.subject,
            scopes=frozenset(self.scopes),
            is_revoked=self.revoked,
            is_expired=self.expired,
            created_at=to_datetime(int(self.created_at)),
            expires_at=None if self.expiration is None else to_datetime(int(self.expiration)),
        )


def is_api_key(token: str) -> bool:
    """Return whether a bearer token is meant to be an API key and not a session token."""
    return token.startswith(PREFIX)


def has_shape_of_key(secret: str) -> bool:
    """Return whether a text can be the secret of a key."""
    return _SECRET.fullmatch(secret) is not None


def digest_of(secret: str) -> bytes:
    """Return the hash under which a key is remembered in place of its secret."""
    return hashlib.sha256(secret.encode()).digest()
