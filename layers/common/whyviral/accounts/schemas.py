"""Accounts as JSON: what is sent and what is shown."""

import uuid
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Secret, SecretStr, StringConstraints, model_validator
from pydantic.config import JsonDict

_LONGEST_TOKEN = 8_192

type Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f<>,;:()]{1,64}@[^@\s\x00-\x1f\x7f<>,;:()]{1,189}$",
    ),
]
"""Enough to tell an address from a slip; whether mail arrives is proven by a code."""
type Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]
type NewPassword = Annotated[SecretStr, Field(min_length=8, max_length=72)]
"""Clerk's own limits, which saves asking it."""
type Code = Secret[Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]]
type Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]


_PROOF: JsonDict = {"email": "ada@example.com", "code": "424242", "password": "correct horse battery"}


class _Body(BaseModel):
    """Base of what is sent: an unknown field is an error, and no error repeats a value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SignUpBody(_Body):
    """Whose account to make."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@example.com"}]})

    email: Email


class ProofBody(_Body):
    """An address, the code that was sent to it, and the password that shall count from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROOF]})

    email: Email
    code: Code
    password: NewPassword


class PasswordLoginBody(_Body):
    """Who signs in."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.com", "password": "correct horse battery"}]}
    )

    email: Email
    password: Password


class TokenLoginBody(_Body):
    """Who has signed in with Clerk already."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "eyJ…"}]})

    token: Annotated[SecretStr, Field(min_length=1, max_length=_LONGEST_TOKEN)]


type LoginBody = PasswordLoginBody | TokenLoginBody


class ResetBody(_Body):
    """Whose password to reset."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@example.com"}]})

    email: Email


class ProfileChanges(_Body):
    """What users may change about themselves; null removes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"full_name": "Ada Lovelace", "company_name": None}]})

    full_name: Name | None = None
    company_name: Name | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("send full_name, company_name or both")
        return self


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ProfileOut(_Row):
    """A user, as they see themselves."""

    id: uuid.UUID
    email: str | None
    email_verified: bool
    full_name: str | None
    company_name: str | None
    profile_image: str | None
    is_admin: bool
    created_at: datetime


class PlanOut(_Row):
    """What a plan allows, per platform and UTC day, and what it costs."""

    id: uuid.UUID
    slug: str
    name: str
    max_urls: int
    max_handles: int
    max_analyses_per_day: int
    max_questions_per_day: int
    price_cents: int
    interval: str


class SubscriptionOut(_Row):
    """A user's current subscription."""

    id: uuid.UUID
    status: str
    provider: str | None
    current_period_start: datetime | None
    current_period_end: datetime | None
    downgrade_at: datetime | None
    plan: PlanOut
    downgrade_to_plan: PlanOut | None


class TicketOut(_Row):
    """A ticket that the frontend exchanges once: `signIn.create({strategy: "ticket", ticket})`."""

    ticket: str
    expires_in_seconds: int


class VerificationRequired(BaseModel):
    """The same answer whoever has the address: a code is on its way if it can be signed up."""

    status: Literal["verification_required"] = "verification_required"


class ResetAccepted(BaseModel):
    """The same answer whether or not the address is known."""

    status: Literal["code_sent_if_known"] = "code_sent_if_known"


class PasswordChanged(BaseModel):
    """The password counts from now on, and all sessions have ended at Clerk."""

    status: Literal["password_changed"] = "password_changed"


class SignedOut(BaseModel):
    """The session has ended here."""

    status: Literal["signed_out"] = "signed_out"
    revoked_at_clerk: bool
    """False: Clerk could not be reached, so that the session lives on there although it is of no use here."""
