"""One call to Clerk's Backend API: authorised, bounded, recorded, its refusals in our words."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import httpx

from whyviral.core import endpoints
from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ConnectionDropped, ProviderError
from whyviral.integrations.http.api_keys import checked_key
from whyviral.integrations.http.bounded import HttpAnswer, exchange, retry_after_s, shared_client
from whyviral.integrations.http.call_recorder import recorded_call
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.ports.call_recorder import CallRecorder

PROVIDER = "clerk"
SERVICE = "The sign-in service"
USER_AGENT = "whyviral/0.1"
"""Hosts behind Cloudflare answer 403 to the names of bare libraries. Source: jpadilla/pyjwt issue 1121."""

_API_VERSION = "2026-05-12"
_TIMEOUT_S = 4.0
_MAX_BYTES = 1024 * 1024
_LONGEST_PAUSE_S = 2.0
"""A longer `Retry-After` is for our caller to wait for."""
_MOST_CODES = 20

type Params = Mapping[str, str]


class NotUnderstood(Exception):
    """The document is not what Clerk documents; raised by readers, the message holds nothing of it."""


class ClerkRefusal(ProviderError):
    """Clerk answered with an error.

    Attributes:
        codes: Clerk's words for what is wrong, such as form_identifier_exists; the first is the main one.
    """

    def __init__(self, message: str, *, codes: tuple[str, ...], **fields: Any) -> None:
        super().__init__(message, provider=PROVIDER, **fields)
        self.codes = codes


class ClerkHttp:
    """Sends requests to the Backend API."""

    def __init__(
        self,
        secret_key: str,
        *,
        calls: CallRecorder,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        timeout_s: float = _TIMEOUT_S,
        pause: Callable[[float], None] = time.sleep,
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
        self._pause = pause
        self._base_url = endpoints.current().clerk_api_url

    def get[T](self, path: str, read: Callable[[Any], T], *, operation: str, params: Params | None = None) -> T:
        """Return what `read` makes of the document; reading is safe to repeat: passing trouble gets a second try."""
        try:
            return self._once(self._request("GET", path, params=params), read, operation=operation)
        except ProviderError as exc:
            pause_s = _pause_before_retry(exc)
            if pause_s is None:
                raise
        self._pause(pause_s)
        return self._once(self._request("GET", path, params=params), read, operation=operation)

    def send[T](self, method: str, path: str, read: Callable[[Any], T], *, operation: str, body: Any = None) -> T:
        """Change something and return what `read` makes of the answer.

        Tried once: nobody knows whether a call that was lost took effect.
        """
        return self._once(self._request(method, path, json=body), read, operation=operation)

    def _request(self, method: str, path: str, *, params: Params | None = None, json: Any = None) -> httpx.Request:
        return self._client.build_request(
            method, self._base_url + path, params=params, json=json, headers=self._headers
        )

    def _once[T](self, request: httpx.Request, read: Callable[[Any], T], *, operation: str) -> T:
        with recorded_call(self._calls, provider=PROVIDER, operation=operation, clock=self._clock) as call:
            answer = exchange(
                self._client,
                request,
                provider=PROVIDER,
                service=SERVICE,
                total_s=self._timeout_s,
                max_bytes=_MAX_BYTES,
            )
            call.status = answer.status
            if answer.status != HTTPStatus.OK:
                raise self._refusal(answer)
            try:
                return read(parse_untrusted_json(answer.body))
            except (NotJson, NotUnderstood) as exc:
                raise _unreadable() from exc

    def _refusal(self, answer: HttpAnswer) -> ClerkRefusal:
        category, message = _describe(answer.status)
        codes, trace_id = _read_errors(answer)
        return ClerkRefusal(
            message,
            codes=codes,
            category=category,
            is_transient=answer.status == HTTPStatus.TOO_MANY_REQUESTS
            or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            retry_after_s=retry_after_s(answer.headers, now=self._clock()),
            status=answer.status,
            request_id=trace_id,
        )


def _unreadable() -> ProviderError:
    return ProviderError(
        f"{SERVICE} sent an answer that could not be read.",
        provider=PROVIDER,
        category=ErrorCategory.PROVIDER_ERROR,
        is_transient=True,
        status=HTTPStatus.OK,
    )


def _pause_before_retry(exc: ProviderError) -> float | None:
    """Return how long to wait before a second try; None when there is no point in one."""
    if isinstance(exc, ConnectionDropped) or (exc.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return 0.0
    if exc.status == HTTPStatus.TOO_MANY_REQUESTS and exc.retry_after_s is not None:
        return exc.retry_after_s if exc.retry_after_s <= _LONGEST_PAUSE_S else None
    return None


def _describe(status: int) -> tuple[ErrorCategory, str]:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.PAYMENT_REQUIRED | HTTPStatus.FORBIDDEN:
            return ErrorCategory.AUTH, f"{SERVICE} refused our account."
        case HTTPStatus.NOT_FOUND:
            return ErrorCategory.NOT_FOUND, "There is no such user."
        case HTTPStatus.TOO_MANY_REQUESTS:
            return ErrorCategory.RATE_LIMIT, f"{SERVICE} is busy. Please try again in a moment."
        case _:
            return ErrorCategory.PROVIDER_ERROR, f"{SERVICE} is out of order."


def _read_errors(answer: HttpAnswer) -> tuple[tuple[str, ...], str | None]:
    """Return the codes of an error answer and the id by which Clerk finds it in its own logs."""
    try:
        document = parse_untrusted_json(answer.body)
    except NotJson:
        return (), None
    if not isinstance(document, dict):
        return (), None
    errors = document.get("errors")
    entries = [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
    codes = tuple(code[:100] for entry in entries[:_MOST_CODES] if isinstance(code := entry.get("code"), str))
    trace_id = document.get("clerk_trace_id")
    return codes, trace_id[:100] if isinstance(trace_id, str) else None
