import hashlib
import io
import json
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import HttpUrl

from tests.fixtures.bytes_server import Serve
from tests.fixtures.stand_ins import StandInsClient
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.core.settings import SettingsError
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.media_store import BUCKET, path_of
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.vendor_calls.calls import CallCollector

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = "sb_secret_stand_in"
CONTENT = bytes(range(256)) * 1000
PATH = path_of("x", uuid.UUID(int=10), sha256=hashlib.sha256(CONTENT).hexdigest(), suffix="jpg")
OBJECT = f"/storage/v1/object/{BUCKET}"

type Open = Callable[..., SupabaseMediaStore]


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def open_store(local_endpoints: Endpoints, stand_ins: StandInsClient, calls: CallCollector) -> Open:
    def open_store(url: str = f"{stand_ins.base_url}/supabase", key: str = KEY, **options: Any) -> SupabaseMediaStore:
        return SupabaseMediaStore(url, key, calls=calls, clock=lambda: NOW, sleep=lambda _: None, **options)

    return open_store


def put(store: SupabaseMediaStore, content: bytes = CONTENT, path: str = PATH, kind: str = "image/jpeg") -> str:
    return store.put(path, io.BytesIO(content), content_type=kind)


def refused(store: SupabaseMediaStore, **fields: Any) -> ProviderError:
    with pytest.raises(ProviderError) as failure:
        put(store, **fields)
    assert KEY not in f"{failure.value!s}{failure.value!r}"
    return failure.value


@pytest.mark.parametrize("base", ["https://media.example.com", "https://media.example.com/", "https://example.com/m"])
def test_links_are_built_on_a_cdn_before_storage(open_store: Open, base: str) -> None:
    url = put(open_store(links_to=HttpUrl(base)))

    assert url == f"{base.rstrip('/')}/{PATH}"


def test_a_stored_file_is_public_under_its_path_for_a_year(
    stand_ins: StandInsClient, open_store: Open, calls: CallCollector
) -> None:
    url = put(open_store())

    reply = stand_ins.http.get(url)
    assert url == f"{stand_ins.base_url}/supabase/storage/v1/object/public/{BUCKET}/{PATH}"
    assert (reply.status_code, reply.content) == (200, CONTENT)
    assert (reply.headers["content-type"], reply.headers["cache-control"]) == ("image/jpeg", "max-age=31536000")
    (call,) = calls.drain()
    assert (call.provider, call.operation, call.started_at, call.status, call.error_category) == (
        "supabase",
        "POST /storage/v1/object/{bucket}/{path}",
        NOW,
        200,
        None,
    )
    assert (call.cost_usd, call.is_stand_in) == (Decimal(0), True)


def test_a_real_file_is_stored_completely_and_stays_open(stand_ins: StandInsClient, open_store: Open) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(CONTENT)

        url = open_store().put(PATH, file, content_type="image/jpeg")

        assert stand_ins.http.get(url).content == CONTENT
        file.seek(0)
        assert file.read() == CONTENT


def test_storing_the_same_file_twice_succeeds(open_store: Open) -> None:
    assert put(open_store()) == put(open_store())


def test_a_stored_file_is_read_in_chunks(open_store: Open, calls: CallCollector) -> None:
    store, read = open_store(), io.BytesIO()
    put(store)

    assert store.get(PATH, read, max_bytes=len(CONTENT)) == len(CONTENT)

    assert read.getvalue() == CONTENT
    assert [(call.operation, call.status) for call in calls.drain()][1:] == [
        ("GET /storage/v1/object/{bucket}/{path}", 200)
    ]


def test_reading_stops_at_the_size_limit(open_store: Open, calls: CallCollector) -> None:
    store, read = open_store(), io.BytesIO()
    put(store)

    with pytest.raises(ProviderError) as failure:
        store.get(PATH, read, max_bytes=len(CONTENT) - 1)

    assert (failure.value.category, failure.value.is_transient) == (ErrorCategory.MEDIA_ERROR, False)
    assert len(read.getvalue()) < len(CONTENT)


def test_content_that_does_not_match_its_path_is_a_transient_error(
    stand_ins: StandInsClient, open_store: Open, calls: CallCollector
) -> None:
    store = open_store()
    put(store)
    calls.drain()
    stand_ins.fault("supabase", "garbage", path=OBJECT)

    with pytest.raises(ProviderError) as failure:
        store.get(PATH, io.BytesIO(), max_bytes=len(CONTENT))

    assert (failure.value.category, failure.value.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)
    (call,) = calls.drain()
    assert (call.status, call.error_category) == (200, ErrorCategory.PROVIDER_ERROR)


@pytest.mark.parametrize("path", ["x/0a/none.jpg", "none"])
def test_a_missing_file_is_a_permanent_error(open_store: Open, calls: CallCollector, path: str) -> None:
    with pytest.raises(ProviderError) as failure:
        open_store().get(path, io.BytesIO(), max_bytes=10)

    assert (failure.value.category, failure.value.is_transient, failure.value.status) == (
        ErrorCategory.PROVIDER_ERROR,
        False,
        404,
    )
    # Read three times: the storage also answers 404 for a moment while a file is being replaced.
    assert [(call.status, call.error_category) for call in calls.drain()] == [(404, "provider_error")] * 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"statusCode": "404", "error": "not_found", "message": "Object not found", "code": "NoSuchKey"}),
        (500, {"statusCode": "500", "error": "InternalError", "message": "x", "code": "InternalError"}),
        (502, "<html><h1>502 Bad Gateway</h1>"),
    ],
)
def test_reading_a_file_that_is_being_replaced_is_retried(
    stand_ins: StandInsClient, open_store: Open, calls: CallCollector, status: int, body: Any
) -> None:
    store, read = open_store(), io.BytesIO()
    put(store)
    calls.drain()
    stand_ins.fault("supabase", "status", path=OBJECT, status=status, body=body, times=2)

    assert store.get(PATH, read, max_bytes=len(CONTENT)) == len(CONTENT)

    assert read.getvalue() == CONTENT
    assert [call.error_category for call in calls.drain()] == ["provider_error", "provider_error", None]


@pytest.mark.parametrize(("status", "error"), [(403, "AccessDenied"), (413, "EntityTooLarge"), (429, "SlowDown")])
def test_other_refused_reads_are_not_retried(
    stand_ins: StandInsClient, open_store: Open, calls: CallCollector, status: int, error: str
) -> None:
    body = {"statusCode": str(status), "error": error, "message": error, "code": error}
    stand_ins.fault("supabase", "status", path=OBJECT, status=400, body=body)

    with pytest.raises(ProviderError):
        open_store().get(PATH, io.BytesIO(), max_bytes=10)

    assert [call.status for call in calls.drain()] == [status]


def error(status: int, code: str, name: str, message: str) -> dict[str, str]:
    return {"statusCode": str(status), "error": name, "message": message, "code": code}


@pytest.mark.parametrize(
    ("http_status", "body", "expected", "words"),
    [
        (
            400,
            error(404, "NoSuchBucket", "Bucket not found", "Bucket not found"),
            (404, "provider_error", False),
            "bucket",
        ),
        (400, error(404, "NoSuchKey", "not_found", "Object not found"), (404, "provider_error", False), "no longer"),
        (400, error(413, "EntityTooLarge", "Payload too large", "x"), (413, "media_error", False), "large"),
        (413, "<html>413 Request Entity Too Large", (413, "media_error", False), "large"),
        (400, error(415, "InvalidMimeType", "invalid_mime_type", "x"), (415, "media_error", False), "type"),
        (400, error(403, "AccessDenied", "Unauthorized", "row-level security"), (403, "auth", False), "account"),
        (403, error(403, "AccessDenied", "Unauthorized", "role"), (403, "auth", False), "account"),
        (401, "Unauthorized", (401, "auth", False), "account"),
        (400, error(400, "InvalidJWT", "InvalidJWT", "Invalid Compact JWS"), (400, "auth", False), "account"),
        (
            400,
            error(400, "InvalidKey", "InvalidKey", "Invalid key"),
            (400, "provider_error", False),
            "refused the file",
        ),
        (400, error(400, "InvalidRequest", "Error", "x"), (400, "provider_error", False), "refused the file"),
        (429, error(429, "SlowDown", "too_many_connections", "x"), (429, "rate_limit", True), "slow down"),
        (503, error(503, "DatabaseReadOnly", "read_only", "x"), (503, "provider_error", True), "not available"),
        (544, error(544, "DatabaseTimeout", "DatabaseTimeout", "x"), (544, "provider_error", True), "not available"),
        (500, error(500, "InternalError", "internal", "x"), (500, "provider_error", True), "not available"),
        (502, "<html><h1>502 Bad Gateway</h1>", (502, "provider_error", True), "not available"),
        (504, "<html>", (504, "provider_error", True), "not available"),
        (400, error(404, "x", "x", "x") | {"statusCode": "soon"}, (502, "provider_error", True), "not available"),
        (307, "", (307, "provider_error", False), "refused the file"),
    ],
)
def test_each_refusal_has_a_category_and_a_message(
    stand_ins: StandInsClient,
    open_store: Open,
    calls: CallCollector,
    http_status: int,
    body: Any,
    expected: tuple[int, str, bool],
    words: str,
) -> None:
    stand_ins.fault("supabase", "status", path=OBJECT, status=http_status, body=body)

    failure = refused(open_store())

    status, category, is_transient = expected
    assert (failure.provider, failure.category, failure.is_transient) == ("supabase", category, is_transient)
    assert words in failure.message
    assert {(call.status, call.error_category) for call in calls.drain()} == {(status, category)}
    assert len(stand_ins.calls("supabase")) == (2 if is_transient else 1)


def test_a_conflict_with_a_concurrent_upload_of_the_same_file_is_a_success(
    stand_ins: StandInsClient, open_store: Open
) -> None:
    stand_ins.fault("supabase", "status", status=400, body=error(409, "KeyAlreadyExists", "Duplicate", "exists"))

    assert put(open_store()).endswith(PATH)


@pytest.mark.parametrize("fault", [{"mode": "status", "status": 502, "body": "<html>"}, {"mode": "disconnect"}])
def test_an_upload_is_retried_once_after_a_transient_error(
    stand_ins: StandInsClient, open_store: Open, calls: CallCollector, fault: dict[str, Any]
) -> None:
    stand_ins.fault("supabase", times=1, **fault)

    url = put(open_store())

    assert stand_ins.http.get(url).content == CONTENT
    assert [call.error_category for call in calls.drain()] == ["provider_error", None]


def test_a_storage_that_does_not_answer_causes_a_timeout(
    stand_ins: StandInsClient, open_store: Open, calls: CallCollector
) -> None:
    stand_ins.fault("supabase", "timeout")

    failure = refused(open_store(timeout_s=0.4))

    assert (failure.category, failure.is_transient) == (ErrorCategory.TIMEOUT, True)
    assert [(call.status, call.error_category) for call in calls.drain()] == [(None, "timeout")]


@pytest.mark.parametrize("body", ["<html>", "[]", "null", "{}", ""])
def test_a_success_with_an_unexpected_body_is_an_error(
    stand_ins: StandInsClient, open_store: Open, calls: CallCollector, body: str
) -> None:
    stand_ins.fault("supabase", "status", status=200, body=body)

    failure = refused(open_store())

    assert (failure.category, failure.is_transient, failure.status) == (ErrorCategory.PROVIDER_ERROR, True, 200)


def test_an_unreachable_storage_is_a_transient_error(open_store: Open) -> None:
    failure = refused(open_store("http://127.0.0.1:1"))

    assert (failure.category, failure.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)


def test_a_download_that_arrives_byte_by_byte_times_out(open_store: Open, serve_bytes: Serve) -> None:
    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        while True:
            time.sleep(0.05)
            yield b"x"

    with pytest.raises(ProviderError) as failure:
        open_store(serve_bytes(drip()), timeout_s=0.5).get(PATH, io.BytesIO(), max_bytes=100_000)

    assert failure.value.category is ErrorCategory.TIMEOUT


def test_an_upload_that_is_read_too_slowly_times_out(open_store: Open) -> None:
    class SlowFile(io.BytesIO):
        def readinto(self, buffer: Any, /) -> int:
            time.sleep(0.1)
            return super().readinto(buffer)

    with pytest.raises(ProviderError) as failure:
        open_store(timeout_s=0.3).put(PATH, SlowFile(CONTENT * 20), content_type="image/jpeg")

    assert failure.value.category is ErrorCategory.TIMEOUT


def test_a_large_upload_that_is_refused_early_reports_the_refusal(
    open_store: Open, serve_bytes: Serve, calls: CallCollector
) -> None:
    is_over = threading.Event()
    body = json.dumps(error(415, "InvalidMimeType", "invalid_mime_type", "mime type image/svg+xml is not supported"))

    def refuse() -> Iterator[bytes]:
        yield f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        is_over.wait(60)  # stops reading, but keeps the connection open
        yield b""

    with tempfile.TemporaryFile() as file:
        file.truncate(200_000_000)

        with pytest.raises(ProviderError) as failure:
            open_store(serve_bytes(refuse())).put(PATH, file, content_type="image/svg+xml")

        is_over.set()
        assert file.tell() < 200_000_000
    assert (failure.value.category, failure.value.status) == (ErrorCategory.MEDIA_ERROR, 415)
    assert [(call.status, call.error_category) for call in calls.drain()] == [(415, "media_error")]


def test_a_slow_upload_without_an_answer_ends_at_the_deadline(stand_ins: StandInsClient, open_store: Open) -> None:
    class SlowFile(io.BytesIO):
        def readinto(self, buffer: Any, /) -> int:
            time.sleep(0.2)
            return super().readinto(buffer)

    stand_ins.fault("supabase", "timeout")

    with pytest.raises(ProviderError) as failure:
        open_store(timeout_s=2.0).put(PATH, SlowFile(CONTENT * 2), content_type="image/jpeg")

    assert failure.value.category is ErrorCategory.TIMEOUT
    assert len(stand_ins.calls("supabase")) <= 2


def test_an_incomplete_answer_is_a_transient_error(open_store: Open, serve_bytes: Serve) -> None:
    pieces = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"])

    with pytest.raises(ProviderError) as failure:
        open_store(serve_bytes(pieces)).get(PATH, io.BytesIO(), max_bytes=100)

    assert (failure.value.category, failure.value.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)


@pytest.mark.parametrize("key", ["sb_publishable_x", "eyJhbGciOiJIUzI1NiJ9.e30.x"])
def test_a_publishable_key_is_refused(open_store: Open, key: str) -> None:
    assert refused(open_store(key=key)).category is ErrorCategory.AUTH


@pytest.mark.parametrize("key", ["", " ", "sb secret", "sb_secret_\u00e9"])
def test_an_invalid_key_is_refused_without_being_quoted(open_store: Open, key: str) -> None:
    with pytest.raises(ValueError, match="SUPABASE_SECRET_KEY") as failure:
        open_store(key=key)

    assert "secret_\u00e9" not in str(failure.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://abc.supabase.co",
        "abc.supabase.co",
        "",
        "https://",
        "https://user:secret@abc.supabase.co",
        "https://abc.supabase.co/storage/v1",
        "https://abc.supabase.co?x=1",
        "file:///etc/passwd",
    ],
)
def test_a_url_that_is_not_a_project_stops_the_start(local_endpoints: Endpoints, url: str) -> None:
    endpoints.use(Endpoints())

    with pytest.raises(SettingsError, match="SUPABASE_URL") as failure:
        SupabaseMediaStore(url, KEY, calls=CallCollector())

    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("url", ["https://abc.supabase.co", "https://abc.supabase.co/", "https://media.example.com"])
def test_the_url_of_a_project_is_accepted(local_endpoints: Endpoints, url: str) -> None:
    endpoints.use(Endpoints())

    SupabaseMediaStore(url, KEY, calls=CallCollector())
