"""The client for users, codes and sessions in Clerk's Backend API. Source: clerk/openapi-specs, bapi 2026-05-12."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field, ValidationError

from whyviral.core.clock import utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.vendor_model import Lenient, VendorModel
from whyviral.integrations.ports.call_recorder import CallRecorder

from .api_call import PROVIDER, SERVICE, USER_AGENT, ClerkHttp, ClerkRefusal, UnexpectedDocument
from .api_keys import ApiKey, KeyDocument
from .users import ClerkUser, Milliseconds, UnreadableUser, read_user, to_datetime

__all__ = ["PROVIDER", "SERVICE", "USER_AGENT", "ClerkClient", "ClerkRefusal", "ClerkUser", "CodeCheck", "SentCode"]

_CODE_LIFE = timedelta(minutes=10)
"""The lifetime of a code if Clerk's answer has no expiry, which its specification allows."""

_UNKNOWN_KEY = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Statuses for an API key that does not exist or is malformed."""


class CodeCheck(StrEnum):
    """Clerk's verdict on a code."""

    VERIFIED = "verified"
    WRONG = "unverified"
    EXPIRED = "expired"
    FAILED = "failed"
    """Too many wrong codes: this verification accepts no code any more."""
    USED = "used"
    """The code is correct, but was used before."""


@dataclass(frozen=True, slots=True)
class SentCode:
    """A code that Clerk has sent to an e-mail address."""

    verification_id: str
    expires_at: datetime


class _Verification(VendorModel):
    id: Annotated[str, Field(min_length=1, max_length=255)]
    expire_at: Lenient[Milliseconds] = None


class _CheckedVerification(VendorModel):
    status: CodeCheck


class _SignInToken(VendorModel):
    token: Annotated[str, Field(min_length=1, max_length=8_192)]


class _Verdict(VendorModel):
    verified: Lenient[bool] = None


class ClerkClient:
    """The client for Clerk's Backend API; every method raises `ProviderError` if its call fails."""

    def __init__(self, secret_key: str, *, calls: CallRecorder, **options: Any) -> None:
        """Create a client; `options` are passed to `ClerkHttp`."""
        self._http = ClerkHttp(secret_key, calls=calls, **options)

    def get_user(self, user_id: str) -> ClerkUser:
        """Return a user.

        Raises:
            ProviderError: the category is not_found if Clerk has no such user.
        """
        return self._http.get(f"/users/{_segment(user_id)}", _read_user, operation="GET /users/{id}")

    def find_user_by_email(self, email: str) -> ClerkUser | None:
        """Return the user who has this address as their primary one; None if there is none."""
        users = self._http.get("/users", _read_users, operation="GET /users", params={"email_address": email})
        # The address may be another user's secondary one, but codes and passwords apply to the primary one only.
        return next((user for user in users if user.email is not None and user.email.lower() == email.lower()), None)

    def create_unclaimed_user(self, email: str) -> ClerkUser:
        """Create a user with an unverified address and a random password that is not stored.

        Raises:
            ClerkRefusal: with the code form_identifier_exists if another user has the address.
        """
        body = {
            "email_address": [email],
            # Without this field Clerk would mark the address as verified.
            "email_address_identification_status": ["reserved"],
            "password": secrets.token_urlsafe(32),
            "skip_password_checks": True,
        }
        return self._http.send("POST", "/users", _read_user, operation="POST /users", body=body)

    def set_password(self, user_id: str, password: str) -> ClerkUser:
        """Replace a user's password, end their sessions and return the user.

        Raises:
            ClerkRefusal: with a code that starts with form_password_ if Clerk does not accept the password.
        """
        body = {"password": password, "sign_out_of_other_sessions": True}
        path = f"/users/{_segment(user_id)}"
        return self._http.send("PATCH", path, _read_user, operation="PATCH /users/{id}", body=body)

    def verify_password(self, user_id: str, password: str) -> bool:
        """Return whether this is the user's password; False for a user without a password."""
        path = f"/users/{_segment(user_id)}/verify_password"
        operation = "POST /users/{id}/verify_password"
        try:
            verdict = self._http.send("POST", path, _reader(_Verdict), operation=operation, body={"password": password})
        except ClerkRefusal as exc:
            if {"incorrect_password", "no_password_set"} & set(exc.codes):
                return False
            raise
        return verdict.verified is True

    def create_sign_in_ticket(self, user_id: str, *, expires_in_s: int) -> str:
        """Return a single-use ticket that a frontend exchanges for a session."""
        body = {"user_id": user_id, "expires_in_seconds": expires_in_s}
        operation = "POST /sign_in_tokens"
        return self._http.send("POST", "/sign_in_tokens", _reader(_SignInToken), operation=operation, body=body).token

    def revoke_session(self, session_id: str) -> None:
        """End a session; has no effect if it does not exist any more."""
        path = f"/sessions/{_segment(session_id)}/revoke"
        try:
            self._http.send("POST", path, lambda _: None, operation="POST /sessions/{id}/revoke")
        except ProviderError as exc:
            if exc.category is not ErrorCategory.NOT_FOUND:
                raise

    def delete_user(self, user_id: str) -> None:
        """Delete a user; one that Clerk no longer has counts as deleted."""
        try:
            self._http.send("DELETE", f"/users/{_segment(user_id)}", lambda _: None, operation="DELETE /users/{id}")
        except ProviderError as exc:
            if exc.category is not ErrorCategory.NOT_FOUND:
                raise

    def find_api_key(self, secret: str) -> ApiKey | None:
        """Return the API key with this secret, also if it is revoked or expired; None if there is none."""
        operation = "POST /api_keys/verify"
        try:
            document = self._http.send(
                "POST", "/api_keys/verify", _reader(KeyDocument), operation=operation, body={"secret": secret}
            )
        except ClerkRefusal as exc:
            if exc.status in _UNKNOWN_KEY:
                return None
            raise
        return document.to_key()

    def send_code(self, email_address_id: str) -> SentCode:
        """Send a code to an address.

        Raises:
            ClerkRefusal: with the code verification_code_too_many_requests if a code was sent a moment ago.
        """
        path = f"/email_addresses/{_segment(email_address_id)}/prepare_verification"
        operation = "POST /email_addresses/{id}/prepare_verification"
        verification = self._http.send("POST", path, _reader(_Verification), operation=operation)
        expires_at = utc_now() + _CODE_LIFE if verification.expire_at is None else to_datetime(verification.expire_at)
        return SentCode(verification.id, expires_at)

    def check_code(self, email_address_id: str, *, verification_id: str, code: str) -> CodeCheck:
        """Return Clerk's verdict on a code; a correct code also verifies the address at Clerk."""
        path = f"/email_addresses/{_segment(email_address_id)}/attempt_verification"
        body = {"verification_id": verification_id, "code": code}
        operation = "POST /email_addresses/{id}/attempt_verification"
        try:
            return self._http.send("POST", path, _reader(_CheckedVerification), operation=operation, body=body).status
        except ClerkRefusal as exc:
            return _check_of_refusal(exc)


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")


def _read_user(document: Any) -> ClerkUser:
    try:
        return read_user(document)
    except UnreadableUser as exc:
        raise UnexpectedDocument from exc


def _read_users(document: Any) -> list[ClerkUser]:
    if not isinstance(document, list):
        raise UnexpectedDocument
    return [_read_user(entry) for entry in document]


def _reader[T: VendorModel](shape: type[T]) -> Callable[[Any], T]:
    def read(document: Any) -> T:
        try:
            return shape.model_validate(document)
        except ValidationError as exc:
            raise UnexpectedDocument from exc

    return read


def _check_of_refusal(exc: ClerkRefusal) -> CodeCheck:
    """Return the verdict that an error answer stands for, or raise it again if it stands for none."""
    if exc.status == HTTPStatus.NOT_FOUND:
        return CodeCheck.EXPIRED  # the user or the verification does not exist any more
    for code, verdict in (
        ("verification_already_verified", CodeCheck.USED),
        ("verification_expired", CodeCheck.EXPIRED),
        ("verification_failed", CodeCheck.FAILED),
    ):
        if code in exc.codes:
            return verdict
    raise exc
