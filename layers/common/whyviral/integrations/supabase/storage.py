"""Media in Supabase Storage: uploads by its own client, downloads as a stream, which that client cannot do."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import httpx

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
    is_passing_read_refusal,
    refusal,
    too_large,
    too_late,
    unreachable,
    unreadable,
)

_PUT = "POST /storage/v1/object/{bucket}/{path}"
_GET = "GET /storage/v1/object/{bucket}/{path}"
_ONE_YEAR_S = "31536000"
"""What a path names never changes, so that caches may keep it as long as they like."""
_UPLOAD_TRIES = 2
_READ_TRIES = 3
_PAUSE_S = 0.5
_CONNECT_TIMEOUT_S = 5.0
_SILENCE_TIMEOUT_S = 20.0
_SILENT_SHARE = 1 / 3
"""Of the time that is left: silence counts from the last byte sent, which may be late."""
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
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        timeout_s: float = _TOTAL_TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect to nothing yet.

        Args:
            url: `SUPABASE_URL`, the project's address.
            secret_key: `SUPABASE_SECRET_KEY`.
            calls: told of every call.
            clock: the time of calls.
            client: not following redirects; HTTP/1.1, since one file at a time gains nothing from multiplexing.
            timeout_s: the longest that one `put` or `get` takes, repeats included.
            sleep: pauses before a repeat.

        Raises:
            SettingsError: naming the setting that cannot be right.
        """
        key = checked_key(secret_key, name="SUPABASE_SECRET_KEY")
        self._url = f"{_checked_url(url)}/storage/v1"
        # The new keys are no JWTs: they count in `apikey`, and beside it only where they are the same.
        self._headers = {"apikey": key, "Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
        self._calls = calls
        self._clock = clock
        self._client = client or shared_client(PROVIDER)
        self._timeout_s = timeout_s
        self._sleep = sleep

    def put(self, path: str, file: BinaryIO, *, content_type: str) -> str:
        """Store a file under a path that names its content, and return its public URL.

        A call whose end is unknown is repeated once: the same path has the same bytes.

        Raises:
            ProviderError: it could not be stored.
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
        """Write a stored file into `into`, in pieces, and return its size in bytes.

        A missing file or an error of the storage is believed only when it stays: while other processes store the file
        of the same path again, the storage answers 404 or 500 for a moment.

        Raises:
            ProviderError: it could not be read, is larger than `max_bytes`, or is not what its path names.
        """
        ends_at = time.monotonic() + self._timeout_s
        for tries_left in reversed(range(_READ_TRIES)):
            try:
                with ends_by(ends_at):
                    return self._get_once(path, into, max_bytes=max_bytes, ends_at=ends_at)
            except ProviderError as exc:
                if not (tries_left and is_passing_read_refusal(exc) and time.monotonic() + _PAUSE_S < ends_at):
                    raise
            self._sleep(_PAUSE_S)
        raise AssertionError("unreachable")  # the last try returns or raises

    def _get_once(self, path: str, into: BinaryIO, *, max_bytes: int, ends_at: float) -> int:
        with recorded_call(self._calls, provider=PROVIDER, operation=_GET, clock=self._clock) as call, _in_our_words():
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
            if not is_named_by(path, sha256=sha256):  # such as a page of the gateway before the storage
                raise unreadable(call.status)
            return size

    def _put_once(self, path: str, file: BinaryIO, *, content_type: str, ends_at: float) -> str:
        # Half a second, which only those who upload pay, when they first do.
        from storage3 import SyncStorageClient  # noqa: PLC0415
        from storage3.exceptions import StorageApiError  # noqa: PLC0415

        timeout = self._timeout(ends_at)
        client = _TimedClient(self._client, timeout)
        bucket = SyncStorageClient(f"{self._url}/", self._headers, http_client=cast("httpx.Client", client)).from_(
            BUCKET
        )
        file.seek(0)
        # What the answer may take is left for it.
        body = _BoundedReader(file, ends_at=ends_at - (timeout.read or 0.0))
        with recorded_call(self._calls, provider=PROVIDER, operation=_PUT, clock=self._clock) as call, _in_our_words():
            try:
                # `upsert` goes into a header as it is, hence a string.
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
            except (ValueError, KeyError, TypeError) as exc:  # what the client does with a success that is not JSON
                call.status = httpx.codes.OK
                raise unreadable(httpx.codes.OK) from exc
            finally:
                body.detach()  # else it would close the caller's file when it goes
        return f"{self._url}/object/public/{BUCKET}/{path}"

    def _timeout(self, ends_at: float) -> httpx.Timeout:
        silence_s = max(0.001, min(_SILENCE_TIMEOUT_S, (ends_at - time.monotonic()) * _SILENT_SHARE))
        return httpx.Timeout(silence_s, connect=min(_CONNECT_TIMEOUT_S, silence_s))


class _TimedClient:
    """An HTTP client for storage3, which leaves time limits to it, as long as one call lasts."""

    def __init__(self, client: httpx.Client, timeout: httpx.Timeout) -> None:
        self._client = client
        self._timeout = timeout

    def request(self, method: str, url: str, **fields: Any) -> httpx.Response:
        return self._client.request(method, url, timeout=self._timeout, **fields)


class _BoundedReader(io.BufferedReader):
    """A file as storage3 wants one, anything else than a `BufferedReader` being a path to it; it ends in time.

    A timeout of httpx bounds each write; a server that takes a piece now and then would never meet it.
    """

    def __init__(self, file: BinaryIO, *, ends_at: float) -> None:
        super().__init__(cast("io.RawIOBase", file), _READ_BYTES)
        self._ends_at = ends_at

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self._ends_at:
            raise httpx.WriteTimeout("the whole upload took too long")
        return super().read(size)


def _checked_url(url: str) -> str:
    """Return the project's address without a trailing slash."""
    url = url.strip().rstrip("/")
    is_stand_in = endpoints.current().is_stand_in(PROVIDER)
    parts = urlsplit(url)
    is_plain = bool(parts.hostname) and "@" not in parts.netloc and not parts.query and not parts.fragment
    if not is_plain or (not is_stand_in and (parts.scheme != "https" or parts.path)):
        raise SettingsError("SUPABASE_URL must be the address of a project, such as https://abc.supabase.co")
    return url


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as exc:
        raise too_late() from exc
    except httpx.HTTPError as exc:
        raise unreachable() from exc


def _copy(response: httpx.Response, into: BinaryIO, *, max_bytes: int, ends_at: float) -> tuple[int, str]:
    """Copy a body and return its size and its SHA-256 hash."""
    size, digest = 0, hashlib.sha256()
    for piece in response.iter_raw():  # as they arrive: pieces of a set size would be waited for
        size += len(piece)
        if size > max_bytes:
            raise too_large()
        if time.monotonic() > ends_at:
            raise too_late()
        into.write(piece)
        digest.update(piece)
    return size, digest.hexdigest()


def _refusal_of(response: httpx.Response, call: CallOutcome) -> ProviderError:
    """Return what an error answer means, by its body where that is the storage's own."""
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
    """Return a status that storage3 gives as the text it was; nonsense is an answer that means nothing."""
    text = str(status)
    return int(text) if text.isascii() and text.isdigit() and len(text) == len("400") else httpx.codes.BAD_GATEWAY
