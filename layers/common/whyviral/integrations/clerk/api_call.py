"""Calls to Clerk's Backend API: authorised, bounded and recorded, with errors raised as `ProviderError`."""

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
from whyviral.integrations.http.status_categories import StatusCategories, category_of_status, is_transient_status
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.ports.call_recorder import CallRecorder

PROVIDER = "clerk"
SERVICE = "The sign-in service"
USER_AGENT = "whyviral/0.1"
"""Cloudflare answers 403 to the default user agents of libraries. Source: jpadilla/pyjwt issue 1121."""

_API_VERSION = "2026-05-12"
_TIMEOUT_S = 4.0
_MAX_BYTES = 1024 * 1024
_MAX_PAUSE_S = 2.0
"""A longer `Retry-After` is reported to the caller instead of waited for."""
_MAX_CODES = 20
_CATEGORIES: StatusCategories = {HTTPStatus.NOT_FOUND: ErrorCategory.NOT_FOUND}
_MESSAGES: Mapping[ErrorCategory, str] = {
    ErrorCategory.AUTH: f"{SERVICE} refused our account.",
    ErrorCategory.NOT_FOUND: "There is no such user.",
    ErrorCategory.RATE_LIMIT: f"{SERVICE} is busy. Please try again in a moment.",
    ErrorCategory.PROVIDER_ERROR: f"{SERVICE} is not available at the moment.",
}

type Params = Mapping[str, str]


class UnexpectedDocument(Exception):
    """The document does not match Clerk's specification; raised by readers, and the message does not quote it."""


class ClerkRefusal(ProviderError):
    """Clerk answered with an error.

    Attributes:
        codes: Clerk's error codes, such as form_identifier_exists; the main one comes first.
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
        """Send a GET request and return the document parsed by `read`; a transient failure is retried once."""
        try:
            return self._once(self._request("GET", path, params=params), read, operation=operation)
        except ProviderError as exc:
            pause_s = _pause_before_retry(exc)
            if pause_s is None:
                raise
        self._pause(pause_s)
        return self._once(self._request("GET", path, params=params), read, operation=operation)

    def send[T](self, method: str, path: str, read: Callable[[Any], T], *, operation: str, body: Any = None) -> T:
        """Send a request that changes data, and return the answer parsed by `read`.

        It is not retried, because a call without an answer may have taken effect.
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
            except (NotJson, UnexpectedDocument) as exc:
                raise _unreadable() from exc

    def _refusal(self, answer: HttpAnswer) -> ClerkRefusal:
        category = category_of_status(answer.status, _CATEGORIES)
        codes, trace_id = _read_errors(answer)
        return ClerkRefusal(
            _MESSAGES[category],
            codes=codes,
            category=category,
            is_transient=is_transient_status(answer.status),
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
    """Return the delay in seconds before a retry; None if the call must not be retried."""
    if isinstance(exc, ConnectionDropped) or (exc.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return 0.0
    if exc.status == HTTPStatus.TOO_MANY_REQUESTS and exc.retry_after_s is not None:
        return exc.retry_after_s if exc.retry_after_s <= _MAX_PAUSE_S else None
    return None


def _read_errors(answer: HttpAnswer) -> tuple[tuple[str, ...], str | None]:
    """Return the codes of an error answer, and the trace id that identifies it in Clerk's logs."""
    try:
        document = parse_untrusted_json(answer.body)
    except NotJson:
        return (), None
    if not isinstance(document, dict):
        return (), None
    errors = document.get("errors")
    entries = [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
    codes = tuple(code[:100] for entry in entries[:_MAX_CODES] if isinstance(code := entry.get("code"), str))
    trace_id = document.get("clerk_trace_id")
    return codes, trace_id[:100] if isinstance(trace_id, str) else None
