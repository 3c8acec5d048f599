"""The media store on Supabase Storage: uploads with Supabase's client, and streams downloads, which it cannot do."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import httpx
from pydantic import HttpUrl

from whyviral.core import endpoints
from whyviral.core.clock import Clock, utc_now
from whyviral.core.settings import SettingsError
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.api_keys import checked_key
from whyviral.integrations.http.bounded import shared_client
from whyviral.integrations.http.call_recorder import CallOutcome, recorded_call
from whyviral.integrations.http.deadlines import ends_by
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.media_store import BUCKET, is_named_by

from .errors import (
    PROVIDER,
    is_duplicate,
    is_transient_read_error,
    refusal,
    too_large,
    too_late,
    unreachable,
    unreadable,
)

_PUT = "POST /storage/v1/object/{bucket}/{path}"
_GET = "GET /storage/v1/object/{bucket}/{path}"
_ONE_YEAR_S = "31536000"
"""The cache lifetime. It may be long because the file at a path never changes."""
_UPLOAD_TRIES = 2
_READ_TRIES = 3
_PAUSE_S = 0.5
_CONNECT_TIMEOUT_S = 5.0
_SILENCE_TIMEOUT_S = 20.0
_SILENCE_SHARE = 1 / 3
"""The part of the remaining time that one silence may take, because it may begin late, after the last byte sent."""
_TOTAL_TIMEOUT_S = 120.0
_READ_BYTES = 64 * 1024
_MAX_ERROR_BYTES = 64 * 1024


class SupabaseMediaStore:
    """A `MediaStore` in the public bucket of a Supabase project."""

    def __init__(
        self,
        url: str,
        secret_key: str,
        *,
        calls: CallRecorder,
        links_to: HttpUrl | None = None,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        timeout_s: float = _TOTAL_TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Create the store without connecting.

        Args:
            url: `SUPABASE_URL`, the URL of the project.
            secret_key: `SUPABASE_SECRET_KEY`.
            calls: the recorder of every call.
            links_to: `MEDIA_BASE_URL`, a CDN before the bucket on which public URLs are built; None for Storage's own.
            clock: the source of the calls' start times.
            client: an HTTP/1.1 client that does not follow redirects; multiplexing does not help with one file at a
                time.
            timeout_s: the time limit of one `put` or `get`, retries included.
            sleep: waits before a retry.

        Raises:
            SettingsError: a setting is invalid; the message names it.
        """
        key = checked_key(secret_key, name="SUPABASE_SECRET_KEY")
        self._url = f"{_checked_url(url)}/storage/v1"
        self._public_url = str(links_to).rstrip("/") if links_to else f"{self._url}/object/public/{BUCKET}"
        # New keys are not JWTs. Supabase reads them from `apikey`, and accepts a bearer token only if it is equal.
        self._headers = {"apikey": key, "Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
        self._calls = calls
        self._clock = clock
        self._client = client or shared_client(PROVIDER)
        self._timeout_s = timeout_s
        self._sleep = sleep

    def put(self, path: str, file: BinaryIO, *, content_type: str) -> str:
        """Store a file under a path that contains a hash of its content, and return its public URL.

        A call whose outcome is unknown is retried once, which is safe because the same path has the same bytes.

        Raises:
            ProviderError: the file could not be stored.
        """
        ends_at = time.monotonic() + self._timeout_s
        for tries_left in reversed(range(_UPLOAD_TRIES)):
            try:
                with ends_by(ends_at):
                    return self._put_once(path, file, content_type=content_type, ends_at=ends_at)
            except ProviderError as exc:
                if not (tries_left and exc.is_transient and time.monotonic() + _PAUSE_S < ends_at):
                    raise
            self._sleep(_PAUSE_S)
        raise AssertionError("unreachable")  # the last try returns or raises

    def get(self, path: str, into: BinaryIO, *, max_bytes: int) -> int:
        """Write a stored file to `into` in chunks, and return its size in bytes.

        A 404 or a server error is retried, because the storage answers with either for a moment while another process
        stores a file at the same path.

        Raises:
            ProviderError: the file could not be read, is larger than `max_bytes`, or does not match the hash in its
                path.
        """
        ends_at = time.monotonic() + self._timeout_s
        for tries_left in reversed(range(_READ_TRIES)):
            try:
                with ends_by(ends_at):
                    return self._get_once(path, into, max_bytes=max_bytes, ends_at=ends_at)
            except ProviderError as exc:
                if not (tries_left and is_transient_read_error(exc) and time.monotonic() + _PAUSE_S < ends_at):
                    raise
            self._sleep(_PAUSE_S)
        raise AssertionError("unreachable")  # the last try returns or raises

    def _get_once(self, path: str, into: BinaryIO, *, max_bytes: int, ends_at: float) -> int:
        with recorded_call(self._calls, provider=PROVIDER, operation=_GET, clock=self._clock) as call, _http_errors():
            request = self._client.build_request(
                "GET", f"{self._url}/object/{BUCKET}/{path}", headers=self._headers, timeout=self._timeout(ends_at)
            )
            response = self._client.send(request, stream=True)
            try:
                call.status = response.status_code
                if response.status_code != httpx.codes.OK:
                    raise _refusal_of(response, call)
                size, sha256 = _copy(response, into, max_bytes=max_bytes, ends_at=ends_at)
            finally:
                response.close()
            if not is_named_by(path, sha256=sha256):  # for example an error page of the gateway, sent with status 200
                raise unreadable(call.status)
            return size

    def _put_once(self, path: str, file: BinaryIO, *, content_type: str, ends_at: float) -> str:
        # Imported here because it takes half a second, which only the first upload should pay.
        from storage3 import SyncStorageClient  # noqa: PLC0415
        from storage3.exceptions import StorageApiError  # noqa: PLC0415

        timeout = self._timeout(ends_at)
        client = _TimedClient(self._client, timeout)
        bucket = SyncStorageClient(f"{self._url}/", self._headers, http_client=cast("httpx.Client", client)).from_(
            BUCKET
        )
        file.seek(0)
        # The upload ends early enough to leave the answer its own timeout.
        body = _BoundedReader(file, ends_at=ends_at - (timeout.read or 0.0))
        with recorded_call(self._calls, provider=PROVIDER, operation=_PUT, clock=self._clock) as call, _http_errors():
            try:
                # `upsert` becomes a header value unchanged, so it must be a string.
                bucket.upload(
                    path,
                    body,
                    {"content-type": content_type, "cache-control": _ONE_YEAR_S, "upsert": "true"},
                )
                call.status = httpx.codes.OK
            except StorageApiError as exc:
                call.status = _status_of(exc.status)
                if not is_duplicate(call.status):
                    raise refusal(call.status, f"{exc.code} {exc.message}") from exc
            except (ValueError, KeyError, TypeError) as exc:  # storage3 raises these for a success that is not JSON
                call.status = httpx.codes.OK
                raise unreadable(httpx.codes.OK) from exc
            finally:
                body.detach()  # otherwise its destructor would close the caller's file
        return f"{self._public_url}/{path}"

    def _timeout(self, ends_at: float) -> httpx.Timeout:
        silence_s = max(0.001, min(_SILENCE_TIMEOUT_S, (ends_at - time.monotonic()) * _SILENCE_SHARE))
        return httpx.Timeout(silence_s, connect=min(_CONNECT_TIMEOUT_S, silence_s))


class _TimedClient:
    """An HTTP client for one call of storage3 that adds the timeout, because storage3 sets none per call."""

    def __init__(self, client: httpx.Client, timeout: httpx.Timeout) -> None:
        self._client = client
        self._timeout = timeout

    def request(self, method: str, url: str, **fields: Any) -> httpx.Response:
        return self._client.request(method, url, timeout=self._timeout, **fields)


class _BoundedReader(io.BufferedReader):
    """An upload body with a deadline; a `BufferedReader`, because storage3 treats any other object as a path.

    httpx applies its timeout to each write, so a server that accepts a piece now and then would never exceed it.
    """

    def __init__(self, file: BinaryIO, *, ends_at: float) -> None:
        super().__init__(cast("io.RawIOBase", file), _READ_BYTES)
        self._ends_at = ends_at

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self._ends_at:
            raise httpx.WriteTimeout("the whole upload took too long")
        return super().read(size)


def _checked_url(url: str) -> str:
    """Return the project's URL without a trailing slash."""
    url = url.strip().rstrip("/")
    is_stand_in = endpoints.current().is_stand_in(PROVIDER)
    parts = urlsplit(url)
    is_plain = bool(parts.hostname) and "@" not in parts.netloc and not parts.query and not parts.fragment
    if not is_plain or (not is_stand_in and (parts.scheme != "https" or parts.path)):
        raise SettingsError("SUPABASE_URL must be the URL of a project, such as https://abc.supabase.co")
    return url


@contextmanager
def _http_errors() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as exc:
        raise too_late() from exc
    except httpx.HTTPError as exc:
        raise unreachable() from exc


def _copy(response: httpx.Response, into: BinaryIO, *, max_bytes: int, ends_at: float) -> tuple[int, str]:
    """Copy a body and return its size and its SHA-256 hash."""
    size, digest = 0, hashlib.sha256()
    for piece in response.iter_raw():  # without a chunk size, which would wait until each chunk is full
        size += len(piece)
        if size > max_bytes:
            raise too_large()
        if time.monotonic() > ends_at:
            raise too_late()
        into.write(piece)
        digest.update(piece)
    return size, digest.hexdigest()


def _refusal_of(response: httpx.Response, call: CallOutcome) -> ProviderError:
    """Return the error that an error answer means, using its body if that is the storage's own."""
    content = b""
    for piece in response.iter_raw():
        content += piece
        if len(content) > _MAX_ERROR_BYTES:
            break
    body: Any = None
    try:
        body = json.loads(content)
        call.status = _status_of(body["statusCode"])
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return refusal(call.status or response.status_code, str(body))


def _status_of(status: int | str) -> int:
    """Parse a status, which storage3 passes on as text; an invalid one counts as 502."""
    text = str(status)
    return int(text) if text.isascii() and text.isdigit() and len(text) == len("400") else httpx.codes.BAD_GATEWAY
