"""Routes for sign-up, sign-in and password reset. They need no token, and no answer reveals who has an account."""

from typing import Any

from fastapi import APIRouter

from functions.api.authentication import TOKEN_ERRORS
from functions.api.error_responses import CLERK, Errors, error_responses
from functions.api.sign_in import SignInDep, UniformDurationRoute
from whyviral.accounts.credentials import (
    AccountBanned,
    AccountLocked,
    EmailNotVerified,
    EmailRefused,
    InvalidCode,
    InvalidCredentials,
    PasswordRefused,
    TwoFactorRequired,
)
from whyviral.accounts.schemas import (
    LoginBody,
    PasswordChanged,
    ProofBody,
    ResetAccepted,
    ResetBody,
    SignInAnswer,
    SignUpBody,
    TicketOut,
    TokenLoginBody,
    VerificationRequired,
)
from whyviral.throttling.rate_limits import RateLimited

_COMMON: Errors = (*CLERK, RateLimited)
_CODE_ERRORS: Errors = (*_COMMON, InvalidCode, PasswordRefused)
_LOG_IN_ERRORS: Errors = (
    *_COMMON,
    InvalidCredentials,
    *TOKEN_ERRORS,
    TwoFactorRequired,
    EmailNotVerified,
    AccountLocked,
    AccountBanned,
)

router = APIRouter(
    prefix="/api/accounts", tags=["sign-in"], route_class=UniformDurationRoute, responses=error_responses(*_COMMON)
)


@router.post(
    "/signup/", status_code=201, response_model=VerificationRequired, responses=error_responses(*_COMMON, EmailRefused)
)
def sign_up(body: SignUpBody, sign_in: SignInDep) -> Any:
    """Start a sign-up: if the address has no account yet, a code is sent to it."""
    sign_in.sign_up(body.email)
    return VerificationRequired()


@router.post("/signup/verify/", response_model=TicketOut, responses=error_responses(*_CODE_ERRORS))
def verify_sign_up(body: ProofBody, sign_in: SignInDep) -> Any:
    """Finish a sign-up with the code and a password. The ticket in the answer signs the user in."""
    return sign_in.verify(body.email, body.code.get_secret_value(), body.password.get_secret_value())


@router.post("/login/", response_model=SignInAnswer, responses=error_responses(*_LOG_IN_ERRORS))
def log_in(body: LoginBody, sign_in: SignInDep) -> Any:
    """Exchange a session token for its user's profile, or e-mail and password for a sign-in ticket."""
    if isinstance(body, TokenLoginBody):
        return sign_in.log_in_with_token(body.token.get_secret_value())
    return sign_in.log_in(body.email, body.password.get_secret_value())


@router.post("/reset-password/", status_code=202, response_model=ResetAccepted)
def reset_password(body: ResetBody, sign_in: SignInDep) -> Any:
    """Start a password reset: if an account signs in with the address, a code is sent to it."""
    sign_in.reset_password(body.email)
    return ResetAccepted()


@router.post("/reset-password/confirm/", response_model=PasswordChanged, responses=error_responses(*_CODE_ERRORS))
def confirm_password_reset(body: ProofBody, sign_in: SignInDep) -> Any:
    """Finish a password reset with the code and a new password. All sessions of the user end."""
    sign_in.confirm_reset(body.email, body.code.get_secret_value(), body.password.get_secret_value())
    return PasswordChanged()
