"""HTTP exchanges with vendors: bounded in time and size, with failures raised as `ProviderError`."""

import atexit
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx

from whyviral.core import endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ConnectionDropped, NotConnected, ProviderError

from .deadlines import ends_by, timed_client

_CONNECT_TIMEOUT_S = 5.0
_MAX_RETRY_AFTER_S = 3600.0
# httpx logs the whole URL of every request, and YouTube's Data API takes its key in the query.
logging.getLogger("httpx").setLevel(logging.WARNING)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer with any status."""

    status: int
    headers: httpx.Headers
    body: bytes


def shared_client(provider: str) -> httpx.Client:
    """Return the HTTP client that this process shares, so that connections are reused between units of work.

    Stand-ins are called directly, even if a proxy is configured.
    """
    return _client(trust_env=not endpoints.current().is_stand_in(provider))


@cache
def _client(*, trust_env: bool) -> httpx.Client:
    client = timed_client(trust_env=trust_env)
    atexit.register(client.close)
    return client


def fetch(
    client: httpx.Client,
    url: str,
    *,
    provider: str,
    service: str,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None = None,
    total_s: float,
    max_bytes: int,
) -> HttpAnswer:
    """Send a GET request and return the answer.

    Args:
        client: a client made by `timed_client`.
        url: the URL without a query.
        provider: the vendor's name in our records.
        service: the vendor's name in messages to users.
        headers: sent unchanged.
        params: the query.
        total_s: the time limit for the whole exchange, from connecting to the last byte.
        max_bytes: the size limit of the decoded body.

    Raises:
        ConnectionDropped: the connection failed before an answer began.
        ProviderError: the answer was late, incomplete or too large.
    """
    request = client.build_request("GET", url, params=params, headers=dict(headers))
    return exchange(client, request, provider=provider, service=service, total_s=total_s, max_bytes=max_bytes)


def post_json(
    client: httpx.Client,
    url: httpx.URL,
    body: Any,
    *,
    provider: str,
    service: str,
    headers: Mapping[str, str],
    total_s: float,
    max_bytes: int,
) -> HttpAnswer:
    """Send `body` as JSON in a POST request to `url`, which includes the query; see `fetch`."""
    request = client.build_request("POST", url, json=body, headers=dict(headers))
    return exchange(client, request, provider=provider, service=service, total_s=total_s, max_bytes=max_bytes)


def exchange(
    client: httpx.Client, request: httpx.Request, *, provider: str, service: str, total_s: float, max_bytes: int
) -> HttpAnswer:
    """Send a request with any method, built by `client`; see `fetch`."""
    ends_at_mono_s = time.monotonic() + total_s
    timeout = httpx.Timeout(total_s, connect=min(_CONNECT_TIMEOUT_S, total_s))
    request.extensions = {**request.extensions, "timeout": timeout.as_dict()}
    with ends_by(ends_at_mono_s):
        return _exchange(
            client, request, provider=provider, service=service, ends_at_mono_s=ends_at_mono_s, max_bytes=max_bytes
        )


def _exchange(
    client: httpx.Client, request: httpx.Request, *, provider: str, service: str, ends_at_mono_s: float, max_bytes: int
) -> HttpAnswer:
    try:
        response = client.send(request, stream=True)
    except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
        raise _dropped(exc, provider=provider, service=service) from exc
    except httpx.TimeoutException as exc:
        raise _too_late(provider, service) from exc
    except httpx.TransportError as exc:
        raise _broken(provider, service) from exc
    try:
        body = _read(response, ends_at_mono_s=ends_at_mono_s, max_bytes=max_bytes)
    except httpx.TimeoutException as exc:
        raise _too_late(provider, service, status=response.status_code) from exc
    except httpx.HTTPError as exc:
        raise _broken(provider, service, status=response.status_code) from exc
    finally:
        response.close()
    return HttpAnswer(response.status_code, response.headers, body)


def retry_after_s(headers: httpx.Headers, *, now: datetime) -> float | None:
    """Return the wait that `Retry-After` asks for, as a number or a date; None if it is absent or invalid."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value) if value[:1].isdigit() else _seconds_until(value, now)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S)


def _seconds_until(http_date: str, now: datetime) -> float:
    parsed_at = parsedate_to_datetime(http_date)
    return ((parsed_at if parsed_at.tzinfo else parsed_at.replace(tzinfo=UTC)) - now).total_seconds()


def _read(response: httpx.Response, *, ends_at_mono_s: float, max_bytes: int) -> bytes:
    # httpx applies its timeout to each read, so a server that keeps sending single bytes would never exceed it.
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if time.monotonic() > ends_at_mono_s:
            raise httpx.ReadTimeout("the whole answer took too long", request=response.request)
        if len(body) > max_bytes:
            raise httpx.DecodingError("the answer is too large", request=response.request)
    return bytes(body)


def _dropped(exc: httpx.TransportError, *, provider: str, service: str) -> ConnectionDropped:
    kind = NotConnected if isinstance(exc, _NEVER_SENT) else ConnectionDropped
    is_timeout = isinstance(exc, httpx.TimeoutException)
    return kind(
        f"{service} could not be reached.",
        provider=provider,
        category=ErrorCategory.TIMEOUT if is_timeout else ErrorCategory.PROVIDER_ERROR,
        is_transient=True,
    )


def _too_late(provider: str, service: str, *, status: int | None = None) -> ProviderError:
    return ProviderError(
        f"{service} did not answer in time.",
        provider=provider,
        category=ErrorCategory.TIMEOUT,
        is_transient=True,
        status=status,
    )


def _broken(provider: str, service: str, *, status: int | None = None) -> ProviderError:
    return ProviderError(
        f"{service} sent an answer that could not be read.",
        provider=provider,
        category=ErrorCategory.PROVIDER_ERROR,
        is_transient=True,
        status=status,
    )
