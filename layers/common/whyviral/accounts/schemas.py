"""Request and response bodies of the accounts API."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, Secret, SecretStr, StringConstraints, model_validator

from .models import BillingInterval, BillingProvider, SubscriptionStatus

_MAX_TOKEN_CHARACTERS = 8_192

type Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f<>,;:()]{1,64}@[^@\s\x00-\x1f\x7f<>,;:()]{1,189}$",
    ),
]
"""An address of valid form; only a code sent to it proves that mail arrives."""
type Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]
type NewPassword = Annotated[SecretStr, Field(min_length=8, max_length=72)]
"""A password within Clerk's limits; others are rejected without a call to Clerk."""
type Code = Secret[Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]]
type Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class _Body(BaseModel):
    """Base of request bodies: an unknown field is an error, and no error message quotes a value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SignUpBody(_Body):
    """The address to sign up."""

    email: Email


class ProofBody(_Body):
    """An address, the code that was sent to it, and the new password."""

    email: Email
    code: Code
    password: NewPassword


class PasswordLoginBody(_Body):
    """The credentials of a user."""

    email: Email
    password: Password


class TokenLoginBody(_Body):
    """A session token of a user who has signed in with Clerk."""

    token: Annotated[SecretStr, Field(min_length=1, max_length=_MAX_TOKEN_CHARACTERS)]


type LoginBody = PasswordLoginBody | TokenLoginBody


class ResetBody(_Body):
    """The address of the account."""

    email: Email


class ProfileChanges(_Body):
    """What users can change in their profile; null removes a value."""

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
    """The caller's own profile."""

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
    interval: BillingInterval


class NoticeKind(StrEnum):
    """What a frontend must show about a user's billing."""

    PAYMENT_FAILED = "payment_failed"
    ON_HOLD = "on_hold"
    DOWNGRADE_SCHEDULED = "downgrade_scheduled"
    CANCELING = "canceling"


class BillingNotice(BaseModel):
    """A state of the user's billing that a frontend must show."""

    kind: NoticeKind
    plan: str = Field(description="The plan that is unpaid or on hold, or the plan that follows.")
    since: datetime | None = Field(description="When the payment failed or the hold began, if it is known.")
    at: datetime | None = Field(
        description="When the plan changes: the end of the period, or the end of the grace period of a failed payment."
    )


class SubscriptionOut(_Row):
    """A user's current subscription, and what must be shown about the user's billing."""

    id: uuid.UUID
    status: SubscriptionStatus
    provider: BillingProvider | None
    current_period_start: datetime | None
    current_period_end: datetime | None
    downgrade_at: datetime | None
    plan: PlanOut
    downgrade_to_plan: PlanOut | None
    notices: list[BillingNotice] = Field(default_factory=list, description="Empty if all is well.")


class TicketOut(_Row):
    """A ticket that the frontend exchanges once for a session: `signIn.create({strategy: "ticket", ticket})`."""

    ticket: str
    expires_in_seconds: int


class SignInAnswer(RootModel[ProfileOut | TicketOut]):
    """The profile for a session token, or a ticket for e-mail and password."""


class VerificationRequired(BaseModel):
    """The same answer for every address: a code is sent if the address can be signed up."""

    status: Literal["verification_required"] = "verification_required"


class ResetAccepted(BaseModel):
    """The same answer for every address: a code is sent if an account signs in with it."""

    status: Literal["code_sent_if_known"] = "code_sent_if_known"


class PasswordChanged(BaseModel):
    """The password is changed, and all sessions at Clerk have ended."""

    status: Literal["password_changed"] = "password_changed"


class SignedOut(BaseModel):
    """The session has ended here."""

    status: Literal["signed_out"] = "signed_out"
    revoked_at_clerk: bool = Field(
        description="False: Clerk could not be reached. The session stays open at Clerk, but is refused here."
    )
