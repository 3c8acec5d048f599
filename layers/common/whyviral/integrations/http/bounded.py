"""One HTTP exchange with a vendor: bounded in time and size, its failures in our words."""

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
_LONGEST_RETRY_AFTER_S = 3600.0
# httpx writes the whole URL of every request into its log, and YouTube's Data API takes its key in the query.
logging.getLogger("httpx").setLevel(logging.WARNING)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer, whatever its status."""

    status: int
    headers: httpx.Headers
    body: bytes


def shared_client(provider: str) -> httpx.Client:
    """Return the client of this process, whose connections outlive the units of work that use it.

    A stand-in is reached directly even where a proxy is configured.
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
    """GET `url`.

    Args:
        client: of `timed_client`.
        url: where.
        provider: the vendor in our records.
        service: the vendor in sentences for the user.
        headers: sent as they are.
        params: the query.
        total_s: for all of it, from connecting to the last byte.
        max_bytes: the longest body, decoded.

    Raises:
        ConnectionDropped: no answer began.
        ProviderError: too late, cut off or too large.
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
    """POST `body` as JSON to `url`, query included; everything else is as with `fetch`."""
    request = client.build_request("POST", url, json=body, headers=dict(headers))
    return exchange(client, request, provider=provider, service=service, total_s=total_s, max_bytes=max_bytes)


def exchange(
    client: httpx.Client, request: httpx.Request, *, provider: str, service: str, total_s: float, max_bytes: int
) -> HttpAnswer:
    """Send a request, whatever its method, which the client has built; everything else is as with `fetch`."""
    ends_at = time.monotonic() + total_s
    timeout = httpx.Timeout(total_s, connect=min(_CONNECT_TIMEOUT_S, total_s))
    request.extensions = {**request.extensions, "timeout": timeout.as_dict()}
    with ends_by(ends_at):
        return _exchange(client, request, provider=provider, service=service, ends_at=ends_at, max_bytes=max_bytes)


def _exchange(
    client: httpx.Client, request: httpx.Request, *, provider: str, service: str, ends_at: float, max_bytes: int
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
        body = _read(response, ends_at=ends_at, max_bytes=max_bytes)
    except httpx.TimeoutException as exc:
        raise _too_late(provider, service, status=response.status_code) from exc
    except httpx.HTTPError as exc:
        raise _broken(provider, service, status=response.status_code) from exc
    finally:
        response.close()
    return HttpAnswer(response.status_code, response.headers, body)


def retry_after_s(headers: httpx.Headers, *, now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks for, as a number or a date; None when absent or nonsense."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value) if value[:1].isdigit() else _seconds_until(value, now)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_S)


def _seconds_until(http_date: str, now: datetime) -> float:
    moment = parsedate_to_datetime(http_date)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


def _read(response: httpx.Response, *, ends_at: float, max_bytes: int) -> bytes:
    # A timeout of httpx bounds each read; a server that sends a byte now and then would never meet it.
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if time.monotonic() > ends_at:
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
