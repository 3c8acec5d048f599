"""Signing up and in, and resetting a password; none of it needs a token, none of it tells who has an account."""

from typing import Any

from fastapi import APIRouter

from functions.api.errors import ErrorOut
from functions.api.sign_in import SettledRoute, SignInDep
from whyviral.accounts.schemas import (
    LoginBody,
    PasswordChanged,
    ProfileOut,
    ProofBody,
    ResetAccepted,
    ResetBody,
    SignUpBody,
    TicketOut,
    TokenLoginBody,
    VerificationRequired,
)

_FAILURES: dict[int | str, dict[str, Any]] = {
    429: {"model": ErrorOut, "description": "`rate_limited`: too many calls for this address; see Retry-After."},
    502: {"model": ErrorOut, "description": "Clerk refuses our own account; we have to repair that."},
}
_SIGN_UP_FAILURES: dict[int | str, dict[str, Any]] = {
    422: {
        "model": ErrorOut,
        "description": "`invalid_request`: the body has the wrong form. `email_refused`: Clerk takes no such address.",
    },
}
_CODE_FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "`invalid_code`: wrong, too old, used, or never sent; which is not told."},
    422: {
        "model": ErrorOut,
        "description": "`password_refused`: details give the reason. `invalid_request`: the form.",
    },
}
_LOGIN_FAILURES: dict[int | str, dict[str, Any]] = {
    401: {
        "model": ErrorOut,
        "description": "`invalid_credentials`: e-mail or password is wrong, which is not told. `invalid_token`, "
        "`session_revoked`, `account_deleted`: the token is of no use.",
    },
    403: {
        "model": ErrorOut,
        "description": "The password is right, but: `two_factor_required`, `email_not_verified`, `account_locked`, "
        "`account_banned`.",
    },
}

router = APIRouter(prefix="/api/accounts", tags=["sign-in"], route_class=SettledRoute, responses=_FAILURES)


@router.post("/signup/", status_code=201, response_model=VerificationRequired, responses=_SIGN_UP_FAILURES)
def sign_up(body: SignUpBody, desk: SignInDep) -> Any:
    """Begin a sign-up: if the address has no account yet, a code is sent to it."""
    desk.sign_up(body.email)
    return VerificationRequired()


@router.post("/signup/verify/", response_model=TicketOut, responses=_CODE_FAILURES)
def verify_sign_up(body: ProofBody, desk: SignInDep) -> Any:
    """Finish a sign-up with the code and a password; the ticket signs in."""
    return desk.verify(body.email, body.code.get_secret_value(), body.password.get_secret_value())


@router.post("/login/", response_model=ProfileOut | TicketOut, responses=_LOGIN_FAILURES)
def login(body: LoginBody, desk: SignInDep) -> Any:
    """Exchange a session token for the profile of its user, or e-mail and password for a ticket that signs in."""
    if isinstance(body, TokenLoginBody):
        return desk.log_in_with_token(body.token.get_secret_value())
    return desk.log_in(body.email, body.password.get_secret_value())


@router.post("/reset-password/", status_code=202, response_model=ResetAccepted)
def reset_password(body: ResetBody, desk: SignInDep) -> Any:
    """Begin to reset a password: if somebody signs in by the address, a code is sent to it."""
    desk.reset_password(body.email)
    return ResetAccepted()


@router.post("/reset-password/confirm/", response_model=PasswordChanged, responses=_CODE_FAILURES)
def confirm_reset(body: ProofBody, desk: SignInDep) -> Any:
    """Finish it with the code and the new password; all sessions of the user end."""
    desk.confirm_reset(body.email, body.code.get_secret_value(), body.password.get_secret_value())
    return PasswordChanged()
