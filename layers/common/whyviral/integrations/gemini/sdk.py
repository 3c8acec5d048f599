"""One exchange with Gemini through google-genai; imported with the first question, because the SDK loads slowly."""

import atexit
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import httpcore
import httpcore2
import httpx2
from google import genai
from google.genai import errors, types

from whyviral.core import endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import NotConnected, ProviderError
from whyviral.integrations.http.deadlines import TimedNetwork, ends_by
from whyviral.integrations.language_models.errors import SERVICE
from whyviral.integrations.ports.analyst import AnalystPrompt, InlineMedia, MediaPart

from .errors import PROVIDER

_CONNECT_TIMEOUT_S = 5.0
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to one request, of any status."""

    status: int
    body: str | None
    """Of a success."""
    error: Any
    """The document of a failure; it may quote keys."""


def generate(
    prompt: AnalystPrompt,
    *,
    schema: Mapping[str, Any],
    model: str,
    key: str,
    max_output_tokens: int,
    timeout_s: float,
) -> Reply:
    """Ask for one JSON answer.

    Args:
        prompt: instructions, data and media.
        schema: of the answer.
        model: its id.
        key: the API key to use.
        max_output_tokens: for thinking and answer together.
        timeout_s: for the whole exchange.

    Raises:
        NotConnected: the question was never sent, so it cost nothing.
        ProviderError: no reply, or one that cannot be read.
    """
    config = types.GenerateContentConfig(
        system_instruction=prompt.system,
        response_mime_type="application/json",
        response_json_schema=schema,
        thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW),
        max_output_tokens=max_output_tokens,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        # The SDK's own reading of replies raises on fields that we never look at.
        should_return_http_response=True,
        http_options=types.HttpOptions(headers={"x-goog-api-key": key}, timeout=max(1, int(timeout_s * 1000))),
    )
    # Media before the words about them. Source: ai.google.dev, "Video understanding", best practices.
    parts = [*map(_as_part, prompt.media), types.Part(text=prompt.user)]
    here = endpoints.current()
    client = _client(here.gemini_url, trust_env=not here.is_stand_in(PROVIDER))
    try:
        contents = types.Content(role="user", parts=parts)
        with ends_by(time.monotonic() + timeout_s):
            response = client.models.generate_content(model=model, contents=contents, config=config)
    except errors.APIError as exc:
        return Reply(exc.code, None, exc.details)
    except (httpx2.HTTPError, UnicodeDecodeError, RecursionError) as exc:
        raise _trouble(exc) from exc
    return Reply(200, response.sdk_http_response.body if response.sdk_http_response else None, None)


def _as_part(media: MediaPart) -> types.Part:
    if isinstance(media, InlineMedia):
        return types.Part(inline_data=types.Blob(data=media.data, mime_type=media.content_type))
    return types.Part(
        file_data=types.FileData(file_uri=media.url),
        video_metadata=types.VideoMetadata(
            start_offset=f"{media.start_s:g}s", end_offset=f"{media.end_s:g}s", fps=media.frames_per_second
        ),
    )


def _trouble(exc: Exception) -> ProviderError:
    kind, what, category = ProviderError, "sent a reply that could not be read", ErrorCategory.PROVIDER_ERROR
    match exc:
        case httpx2.ConnectError() | httpx2.ConnectTimeout():
            kind, what = NotConnected, "could not be reached"
        case httpx2.TimeoutException():
            what, category = "did not answer in time", ErrorCategory.TIMEOUT
        case httpx2.TransportError():
            what = "broke the connection"
    return kind(f"{SERVICE} {what}.", provider=PROVIDER, category=category, is_transient=True)


@cache
def _client(base_url: str, *, trust_env: bool) -> genai.Client:
    """Return the client of this process; environment variables cannot override its settings."""
    context = httpx2.create_ssl_context(trust_env=trust_env)
    hooks: dict[str, list[Callable[..., None]]] = {"request": [_start_the_clock], "response": [_bound_the_body]}
    http = httpx2.Client(
        event_hooks=hooks, trust_env=trust_env, verify=context, mounts={"all://": _TimedTransport(context)}
    )
    atexit.register(http.close)
    return genai.Client(
        enterprise=False,
        api_key="sent-with-each-call",
        http_options=types.HttpOptions(
            base_url=base_url,
            api_version="v1",
            httpx_client=http,
        ),
    )


class _TimedTransport(httpx2.HTTPTransport):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context)
        # httpcore and httpcore2 have the same network interface.
        network = TimedNetwork(cast("httpcore.NetworkBackend", httpcore2.SyncBackend()))
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context, network_backend=cast("httpcore2.NetworkBackend", network)
        )


def _start_the_clock(request: httpx2.Request) -> None:
    """Turn the timeout of each read into one for the whole exchange, and shorten the timeout for connecting."""
    timeout: dict[str, float] = request.extensions["timeout"]
    request.extensions["ends_at"] = time.monotonic() + timeout["read"]
    timeout["connect"] = min(timeout["connect"], _CONNECT_TIMEOUT_S)


def _bound_the_body(response: httpx2.Response) -> None:
    assert isinstance(response.stream, httpx2.SyncByteStream)  # noqa: S101 - a sync client
    response.stream = _BoundedStream(response.stream, request=response.request)


class _BoundedStream(httpx2.SyncByteStream):
    """A body with a deadline and a maximum size."""

    def __init__(self, stream: httpx2.SyncByteStream, *, request: httpx2.Request) -> None:
        self._stream = stream
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        for chunk in self._stream:
            received += len(chunk)
            if time.monotonic() > self._request.extensions["ends_at"]:
                raise httpx2.ReadTimeout("the whole reply took too long", request=self._request)
            if received > _MAX_BYTES:
                raise httpx2.DecodingError("the reply is too large", request=self._request)
            yield chunk

    def close(self) -> None:
        self._stream.close()
