"""Users, as Clerk's Backend API knows them. Source: clerk/openapi-specs, bapi 2026-05-12."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from whyviral.core import endpoints
from whyviral.core.calls import CallCollector
from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory

from .api_keys import checked_key
from .bounded_http import HttpAnswer, fetch, retry_after_s, shared_client
from .errors import ConnectionDropped, ProviderError
from .lenient import Lenient, VendorModel
from .recording import recorded_call
from .untrusted_json import NotJson, parse_untrusted_json

PROVIDER = "clerk"
SERVICE = "The sign-in service"
USER_AGENT = "whyviral/0.1"
"""Hosts behind Cloudflare answer 403 to the names of bare libraries. Source: jpadilla/pyjwt issue 1121."""

_API_VERSION = "2026-05-12"
_TIMEOUT_S = 4.0
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClerkUser:
    """A user as Clerk knows them."""

    id: str
    email: str | None
    """The primary address."""
    email_verified: bool
    full_name: str | None
    image_url: str | None


class _Verification(VendorModel):
    status: Lenient[str] = None


class _EmailAddress(VendorModel):
    id: str
    email_address: str
    verification: Lenient[_Verification] = None


class _User(VendorModel):
    id: str
    first_name: Lenient[str] = None
    last_name: Lenient[str] = None
    image_url: Lenient[str] = None
    primary_email_address_id: str | None = None
    email_addresses: Sequence[_EmailAddress] = ()


class ClerkClient:
    """Asks Clerk's Backend API."""

    def __init__(
        self,
        secret_key: str,
        *,
        calls: CallCollector,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._headers = {
            "Authorization": f"Bearer {checked_key(secret_key, name='CLERK_SECRET_KEY')}",
            "Accept": "application/json",
            "Clerk-API-Version": _API_VERSION,
            "User-Agent": USER_AGENT,
        }
        self._calls = calls
        self._clock = clock
        self._client = client or shared_client(PROVIDER)
        self._timeout_s = timeout_s
        self._base_url = endpoints.current().clerk_api_url

    def get_user(self, user_id: str) -> ClerkUser:
        """Return a user.

        Raises:
            ProviderError: category not_found when Clerk has no such user.
        """
        return _to_user(self._get(f"/users/{quote(user_id, safe='')}", operation="GET /users/{id}", shape=_User))

    def _get[T: VendorModel](self, path: str, *, operation: str, shape: type[T]) -> T:
        """Return the document at `path`; reading is safe to repeat, so trouble on Clerk's side gets a second try."""
        try:
            return self._get_once(path, operation=operation, shape=shape)
        except ProviderError as exc:
            is_worth_a_try = isinstance(exc, ConnectionDropped) or (exc.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
            if not is_worth_a_try:
                raise
        return self._get_once(path, operation=operation, shape=shape)

    def _get_once[T: VendorModel](self, path: str, *, operation: str, shape: type[T]) -> T:
        with recorded_call(self._calls, provider=PROVIDER, operation=operation, clock=self._clock) as call:
            answer = fetch(
                self._client,
                self._base_url + path,
                provider=PROVIDER,
                service=SERVICE,
                headers=self._headers,
                total_s=self._timeout_s,
                max_bytes=_MAX_BYTES,
            )
            call.status = answer.status
            if answer.status != HTTPStatus.OK:
                raise self._refusal(answer)
            try:
                return shape.model_validate(parse_untrusted_json(answer.body))
            except (NotJson, ValidationError) as exc:
                raise _unreadable() from exc

    def _refusal(self, answer: HttpAnswer) -> ProviderError:
        match answer.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.PAYMENT_REQUIRED | HTTPStatus.FORBIDDEN:
                category, message = ErrorCategory.AUTH, f"{SERVICE} refused our account."
            case HTTPStatus.NOT_FOUND:
                category, message = ErrorCategory.NOT_FOUND, "There is no such user."
            case HTTPStatus.TOO_MANY_REQUESTS:
                category, message = ErrorCategory.RATE_LIMIT, f"{SERVICE} is busy. Please try again in a moment."
            case _:
                category, message = ErrorCategory.PROVIDER_ERROR, f"{SERVICE} is out of order."
        return ProviderError(
            message,
            provider=PROVIDER,
            category=category,
            is_transient=answer.status == HTTPStatus.TOO_MANY_REQUESTS
            or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            retry_after_s=retry_after_s(answer.headers, now=self._clock()),
            status=answer.status,
            request_id=_trace_id(answer),
        )


def _to_user(user: _User) -> ClerkUser:
    primary = next((entry for entry in user.email_addresses if entry.id == user.primary_email_address_id), None)
    verification = primary.verification if primary else None
    return ClerkUser(
        id=user.id,
        email=primary.email_address if primary else None,
        email_verified=verification is not None and verification.status == "verified",
        full_name=" ".join(part for part in (user.first_name, user.last_name) if part) or None,
        image_url=user.image_url,
    )


def _trace_id(answer: HttpAnswer) -> str | None:
    try:
        document = parse_untrusted_json(answer.body)
    except NotJson:
        return None
    trace_id = document.get("clerk_trace_id") if isinstance(document, dict) else None
    return trace_id[:100] if isinstance(trace_id, str) else None


def _unreadable() -> ProviderError:
    return ProviderError(
        f"{SERVICE} sent an answer that could not be read.",
        provider=PROVIDER,
        category=ErrorCategory.PROVIDER_ERROR,
        is_transient=True,
        status=HTTPStatus.OK,
    )
