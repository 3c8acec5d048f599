"""Passwords, codes and tickets at Clerk: the rules of sign-up, sign-in and password reset.

Clerk's Backend API does not turn an e-mail address and a password into a session. It verifies the password and issues
a ticket, which the frontend exchanges for a session. A password set before the address is verified does not count: a
sign-up creates the account with a random password, and the owner's own password is set together with the code.

Each operation makes as many calls to Clerk for an address without an account as for one with an account. Where there
is no user to ask about, it sends an id that Clerk does not know. Otherwise the duration of the answer would reveal
whether an account exists.
"""

import hmac
from dataclasses import dataclass
from http import HTTPStatus

from whyviral.core.errors import AppError
from whyviral.integrations.clerk.client import ClerkClient, ClerkRefusal, ClerkUser, CodeCheck, SentCode

from .keyed_hashes import KeyedHashes
from .models import EmailVerification

TICKET_LIFE_S = 120
_UNKNOWN_USER_ID = f"user_{'0' * 27}"
_UNKNOWN_ADDRESS_ID = f"idn_{'0' * 27}"
_UNKNOWN_VERIFICATION_ID = f"ver_{'0' * 27}"
"""These ids have the form of Clerk's ids and name nothing."""


class InvalidCredentials(AppError):
    """The e-mail address or the password is wrong; the answer does not reveal which."""

    status_code = 401
    code = "invalid_credentials"

    def __init__(self) -> None:
        super().__init__(
            "The e-mail address or password is wrong, or this account signs in another way. "
            "Check them, or reset the password."
        )


class SignInRefused(AppError):
    """The password is right, but the account may not sign in. Only a caller with the right password learns this."""

    status_code = 403


class AccountBanned(SignInRefused):
    """The account has been banned."""

    code = "account_banned"

    def __init__(self) -> None:
        super().__init__("This account has been banned. Write to us if you think that is a mistake.")


class AccountLocked(SignInRefused):
    """The account is locked for a while after too many attempts to sign in."""

    code = "account_locked"

    def __init__(self) -> None:
        super().__init__("This account is locked after too many attempts to sign in. Try again later.")


class TwoFactorRequired(SignInRefused):
    """The account needs a second factor, which this route does not support."""

    code = "two_factor_required"

    def __init__(self) -> None:
        super().__init__(
            "This account uses two-factor sign-in. Sign in with the sign-in form, then send the session token."
        )


class EmailNotVerified(SignInRefused):
    """The e-mail address has not been verified."""

    code = "email_not_verified"

    def __init__(self) -> None:
        super().__init__("This e-mail address has not been verified. Sign up again to get a new code.")


class EmailRefused(AppError):
    """The e-mail address cannot be used to sign up."""

    status_code = 422
    code = "email_refused"

    def __init__(self) -> None:
        super().__init__("This e-mail address cannot be used. Check it, or use another one.")


class PasswordRefused(AppError):
    """The password is too weak, too short, too long or known from a data breach; `details.reason` says which."""

    status_code = 422
    code = "password_refused"

    def __init__(self, reason: str) -> None:
        message = _PASSWORD_MESSAGES.get(reason, "This password is not strong enough. Choose another one.")
        super().__init__(message, details={"reason": reason})


class InvalidCode(AppError):
    """The code is wrong, expired, used or was never sent; the answer does not reveal which."""

    status_code = 400
    code = "invalid_code"

    def __init__(self) -> None:
        super().__init__("The code is wrong or has expired. Check it, or request a new one.")


_PASSWORD_MESSAGES = {
    "pwned": "This password is known from a data breach. Choose another one.",
    "length_too_short": "This password is too short. Use at least 8 characters.",
    "length_too_long": "This password is too long. Use at most 72 characters.",
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A sign-in ticket, which a frontend exchanges once: `signIn.create({strategy: "ticket", ticket})`."""

    ticket: str
    expires_in_seconds: int


def check_password(clerk: ClerkClient, email: str, password: str) -> ClerkUser:
    """Return the user who has this address and this password.

    Raises:
        InvalidCredentials: no user has this address with this password.
        SignInRefused: they are right, but the account may not sign in with them alone.
    """
    user = clerk.find_user_by_email(email)
    is_right = _is_password_of(clerk, _UNKNOWN_USER_ID if user is None else user.id, password)
    if user is None or not is_right:
        raise InvalidCredentials
    if user.is_banned:
        raise AccountBanned
    if user.is_locked:
        raise AccountLocked
    if not user.email_verified:
        raise EmailNotVerified
    if user.has_second_factor:
        raise TwoFactorRequired
    return user


def _is_password_of(clerk: ClerkClient, clerk_user_id: str, password: str) -> bool:
    try:
        return clerk.verify_password(clerk_user_id, password)
    except ClerkRefusal as exc:
        if exc.status == HTTPStatus.NOT_FOUND:  # the unknown id, or a user deleted since the search
            return False
        raise


def create_ticket(clerk: ClerkClient, clerk_user_id: str) -> Ticket:
    """Create a ticket for the user that works once, within two minutes."""
    return Ticket(clerk.create_sign_in_ticket(clerk_user_id, expires_in_s=TICKET_LIFE_S), TICKET_LIFE_S)


def find_or_create_unclaimed_user(clerk: ClerkClient, email: str) -> ClerkUser | None:
    """Find or create the unclaimed user for this address; None if it is taken.

    An earlier sign-up that was not finished is continued, even if another person started it: the account is still
    empty.
    """
    created = _create_unless_taken(clerk, email)
    user = clerk.find_user_by_email(email)
    if created is not None:  # Clerk's search may not find it yet
        return created
    return user if user is not None and user.is_unclaimed else None


def _create_unless_taken(clerk: ClerkClient, email: str) -> ClerkUser | None:
    try:
        return clerk.create_unclaimed_user(email)
    except ClerkRefusal as exc:
        if "form_identifier_exists" in exc.codes:
            return None
        if exc.status == HTTPStatus.UNPROCESSABLE_ENTITY and any(code.startswith("form_") for code in exc.codes):
            raise EmailRefused from exc
        raise


def find_verified_user(clerk: ClerkClient, email: str) -> ClerkUser | None:
    """Return the user with this verified address, who may reset the password; None for no user or a banned one."""
    user = clerk.find_user_by_email(email)
    return user if user is not None and user.email_verified and not user.is_banned else None


def send_code(clerk: ClerkClient, user: ClerkUser | None) -> SentCode | None:
    """Send a code to the user's address. None without a user, or while a code sent a moment ago is still valid."""
    address_id = None if user is None else user.email_address_id
    try:
        return clerk.send_code(address_id or _UNKNOWN_ADDRESS_ID)
    except ClerkRefusal as exc:
        if exc.status == HTTPStatus.NOT_FOUND or "verification_code_too_many_requests" in exc.codes:
            return None
        raise


def check_unsent_code(clerk: ClerkClient, code: str) -> None:
    """Check a code against an unknown verification, so that an address without a code takes as many calls."""
    clerk.check_code(_UNKNOWN_ADDRESS_ID, verification_id=_UNKNOWN_VERIFICATION_ID, code=code)


def verify_code(clerk: ClerkClient, verification: EmailVerification, code: str, *, hashes: KeyedHashes) -> str:
    """Return the hash of a right code. The caller saves it, because Clerk accepts a code only once.

    Raises:
        InvalidCode: the code is not right.
    """
    code_hash = hashes.of_code(verification.verification_id, code)
    if verification.proven_code_hash is not None:
        if not hmac.compare_digest(verification.proven_code_hash, code_hash):
            raise InvalidCode
        return code_hash
    verification_id = verification.verification_id
    check = clerk.check_code(verification.email_address_id, verification_id=verification_id, code=code)
    if check is not CodeCheck.VERIFIED:
        raise InvalidCode
    return code_hash


def set_password(clerk: ClerkClient, clerk_user_id: str, password: str) -> None:
    """Set the user's password and end all of the user's sessions at Clerk.

    Raises:
        PasswordRefused: Clerk does not accept the password.
        InvalidCode: the account was deleted after the code was sent.
    """
    try:
        clerk.set_password(clerk_user_id, password)
    except ClerkRefusal as exc:
        if exc.status == HTTPStatus.NOT_FOUND:
            raise InvalidCode from exc
        for code in exc.codes:
            if code.startswith("form_password_"):
                raise PasswordRefused(code.removeprefix("form_password_")) from exc
        raise
