"""Streamed HTTP exchanges with vendors: bounded in time and size, with failures raised as `ProviderError`."""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from whyviral.core import endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ConnectionDropped, NotConnected, ProviderError

_CONNECT_TIMEOUT_S = 5.0
_SILENCE_TIMEOUT_S = 60.0
"""Between two pieces of a stream."""
# httpx logs the whole URL of every request, and the URL of a server may hold a password.
logging.getLogger("httpx").setLevel(logging.WARNING)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_DROPPED = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout, httpx.PoolTimeout)


class StreamBroken(ProviderError):
    """The answer was late, incomplete or too large."""


def stream_client(provider: str) -> httpx.AsyncClient:
    """Return a new HTTP client for one stream: asyncio's connections cannot be shared between event loops.

    Stand-ins are called directly, even if a proxy is configured.
    """
    trust_env = not endpoints.current().is_stand_in(provider)
    return httpx.AsyncClient(trust_env=trust_env, verify=_tls(trust_env=trust_env), follow_redirects=False)


@cache
def _tls(*, trust_env: bool) -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=trust_env)


def json_request(
    client: httpx.AsyncClient, url: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> httpx.Request:
    """Return a POST request; a lone surrogate in the body, which UTF-8 cannot encode, becomes a question mark."""
    content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    return client.build_request("POST", url, content=content, headers={**headers, "content-type": "application/json"})


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """The bounds of one exchange, and the vendor's names."""

    provider: str
    """In our records."""
    service: str
    """In messages to users."""
    ends_at_mono_s: float
    """When the whole answer must have arrived, on the monotonic clock."""
    max_bytes: int
    """Of the decoded body."""


class StreamedAnswer:
    """An answer of any status, whose body has not been read."""

    def __init__(self, response: httpx.Response, limits: StreamLimits) -> None:
        self._response = response
        self._limits = limits

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self._response.status_code

    @property
    def headers(self) -> httpx.Headers:
        """Return the headers."""
        return self._response.headers

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the body as it arrives.

        Raises:
            StreamBroken: it was late, cut or too large.
        """
        received = 0
        async with aclosing(self._response.aiter_bytes()) as source:  # type: ignore[type-var] # a generator, as httpx is written
            while True:
                try:
                    async with asyncio.timeout(_left_s(self._limits)):
                        chunk = await anext(source, None)
                except (TimeoutError, httpx.TimeoutException) as exc:
                    raise _late(self._limits, status=self.status) from exc
                except httpx.HTTPError as exc:
                    raise _broken(self._limits, status=self.status) from exc
                if chunk is None:
                    return
                received += len(chunk)
                if received > self._limits.max_bytes:
                    raise _broken(self._limits, status=self.status)
                yield chunk

    async def read(self) -> bytes:
        """Return the whole body; raises as `chunks` does."""
        async with aclosing(self.chunks()) as chunks:
            return b"".join([chunk async for chunk in chunks])


@asynccontextmanager
async def opened_stream(
    client: httpx.AsyncClient, request: httpx.Request, *, limits: StreamLimits
) -> AsyncIterator[StreamedAnswer]:
    """Send a request and yield its answer when the headers have arrived; closes the connection at the end.

    Raises:
        ConnectionDropped: the connection failed before an answer began.
        StreamBroken: the headers did not arrive in time.
    """
    request.extensions = {**request.extensions, "timeout": _timeout(limits).as_dict()}
    try:
        async with asyncio.timeout(_left_s(limits)):
            response = await client.send(request, stream=True)
    except _DROPPED as exc:
        raise _dropped(exc, limits) from exc
    except (TimeoutError, httpx.TimeoutException) as exc:
        raise _late(limits) from exc
    except httpx.TransportError as exc:
        raise _broken(limits) from exc
    try:
        yield StreamedAnswer(response, limits)
    finally:
        await response.aclose()


def _timeout(limits: StreamLimits) -> httpx.Timeout:
    left_s = _left_s(limits)
    return httpx.Timeout(min(_SILENCE_TIMEOUT_S, left_s), connect=min(_CONNECT_TIMEOUT_S, left_s))


def _left_s(limits: StreamLimits) -> float:
    return max(0.0, limits.ends_at_mono_s - time.monotonic())


def _dropped(exc: httpx.TransportError, limits: StreamLimits) -> ConnectionDropped:
    kind = NotConnected if isinstance(exc, _NEVER_SENT) else ConnectionDropped
    is_timeout = isinstance(exc, httpx.TimeoutException)
    return kind(
        f"{limits.service} could not be reached.",
        provider=limits.provider,
        category=ErrorCategory.TIMEOUT if is_timeout else ErrorCategory.PROVIDER_ERROR,
        is_transient=True,
    )


def _late(limits: StreamLimits, *, status: int | None = None) -> StreamBroken:
    return StreamBroken(
        f"{limits.service} did not answer in time.",
        provider=limits.provider,
        category=ErrorCategory.TIMEOUT,
        is_transient=True,
        status=status,
    )


def _broken(limits: StreamLimits, *, status: int | None = None) -> StreamBroken:
    return StreamBroken(
        f"{limits.service} broke the connection.",
        provider=limits.provider,
        category=ErrorCategory.PROVIDER_ERROR,
        is_transient=True,
        status=status,
    )
