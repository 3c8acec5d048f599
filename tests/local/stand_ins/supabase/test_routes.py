"""Supabase Storage's stand-in, over plain HTTP and with Supabase's own client."""

import asyncio
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from storage3 import SyncStorageClient

from local.stand_ins.supabase.routes import SECRET_KEY
from local.stand_ins.supabase.storage import MEDIA_LIMIT_BYTES, MEDIA_TYPES, PROJECT_LIMIT_BYTES, Storage
from tests.fixtures.stand_ins import StandInsClient
from whyviral.integrations.http.deadlines import timed_client
from whyviral.integrations.ports.media_store import BUCKET

KEY = SECRET_KEY
HEADERS = {"apikey": KEY, "Authorization": f"Bearer {KEY}"}
BASE = "/supabase/storage/v1"
MIGRATION = Path(__file__).parents[4] / "migrations" / "versions" / "0001_initial" / "storage.sql"


def call(stand_ins: StandInsClient, method: str, path: str, **fields: Any) -> httpx.Response:
    headers = HEADERS | fields.pop("headers", {})
    return stand_ins.http.request(method, f"{BASE}{path}", headers=headers, **fields)


def upload(stand_ins: StandInsClient, name: str, content: bytes = b"abc", **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    plain = {"content-type": "image/jpeg", "cache-control": "max-age=60"}
    return call(stand_ins, "POST", f"/object/{BUCKET}/{name}", content=content, headers=plain | given)


def error_of(reply: httpx.Response) -> tuple[int, str, str]:
    body = reply.json()
    return reply.status_code, body["statusCode"], body["code"]


@pytest.fixture
def client(stand_ins: StandInsClient) -> Iterator[SyncStorageClient]:
    with httpx.Client() as http:
        yield SyncStorageClient(f"{stand_ins.base_url}{BASE}/", HEADERS, http_client=http)


def test_supabases_own_client_works_with_the_stand_in(client: SyncStorageClient) -> None:
    bucket = client.from_(BUCKET)

    bucket.upload("x/1/a.jpg", b"abc", {"content-type": "image/jpeg", "cache-control": "60"})
    bucket.update("x/1/a.jpg", b"abcd", {"content-type": "image/jpeg"})

    assert bucket.download("x/1/a.jpg") == b"abcd"
    assert bucket.exists("x/1/a.jpg")
    assert [(row["name"], row["id"] is None) for row in bucket.list("x")] == [("1", True)]
    assert [row["name"] for row in bucket.list("x/1")] == ["a.jpg"]
    signed = str(bucket.create_signed_url("x/1/a.jpg", 60)["signedURL"])
    assert httpx.get(signed).content == b"abcd"
    assert httpx.get(signed.replace("token=", "token=x")).status_code == 400
    assert [row["name"] for row in bucket.remove(["x/1/a.jpg", "none"])] == ["x/1/a.jpg"]
    assert bucket.list("x") == []


def test_a_raw_body_is_stored_unchanged_and_served_publicly(stand_ins: StandInsClient) -> None:
    reply = upload(stand_ins, "a b.jpg", b"0123456789")

    url = f"{BASE}/object/public/{BUCKET}/a b.jpg"
    whole, part = stand_ins.http.get(url), stand_ins.http.get(url, headers={"Range": "bytes=2-4"})
    assert (reply.status_code, reply.json()["Key"]) == (200, f"{BUCKET}/a b.jpg")
    assert (whole.content, whole.headers["content-type"], whole.headers["cache-control"]) == (
        b"0123456789",
        "image/jpeg",
        "max-age=60",
    )
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")


def test_a_file_is_replaced_only_on_request(stand_ins: StandInsClient) -> None:
    upload(stand_ins, "a.jpg")

    assert error_of(upload(stand_ins, "a.jpg")) == (400, "409", "KeyAlreadyExists")
    assert upload(stand_ins, "a.jpg", b"new", x_upsert="true").status_code == 200
    assert call(stand_ins, "GET", f"/object/{BUCKET}/a.jpg").content == b"new"


@pytest.mark.parametrize("name", ["\u00e9.jpg", "a%23b.jpg", "a[1].jpg", "a%25.jpg"])
def test_a_name_with_other_characters_is_refused(stand_ins: StandInsClient, name: str) -> None:
    assert error_of(upload(stand_ins, name)) == (400, "400", "InvalidKey")


def test_the_bucket_accepts_only_its_types_and_sizes(stand_ins: StandInsClient) -> None:
    order = {"id": "small", "name": "small", "public": False, "file_size_limit": 10}
    assert call(stand_ins, "POST", "/bucket", json=order).json() == {"name": "small"}

    too_large = call(stand_ins, "POST", "/object/small/a.jpg", content=b"x" * 11)
    fits = call(stand_ins, "POST", "/object/small/a.jpg", content=b"x" * 10)

    assert error_of(too_large) == (400, "413", "EntityTooLarge")
    assert fits.status_code == 200
    assert error_of(upload(stand_ins, "a.svg", content_type="image/svg+xml")) == (400, "415", "InvalidMimeType")
    assert error_of(call(stand_ins, "POST", "/bucket", json=order)) == (400, "409", "BucketAlreadyExists")
    assert error_of(stand_ins.http.get(f"{BASE}/object/public/small/a.jpg")) == (400, "404", "NoSuchBucket")


@pytest.mark.parametrize("path", ["/object/none/a.jpg", f"/object/{BUCKET}/none.jpg", "/bucket/none"])
def test_a_missing_file_or_bucket_is_reported_with_status_400(stand_ins: StandInsClient, path: str) -> None:
    status, body_status, _ = error_of(call(stand_ins, "GET", path))

    assert (status, body_status) == (400, "404")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"apikey": KEY, "Authorization": "Bearer sb_secret_other"},
        {"apikey": "sb_secret_other", "Authorization": "Bearer sb_secret_other"},
        {"apikey": "sb_publishable_x", "Authorization": "Bearer sb_publishable_x"},
        {"apikey": "eyJ.e30.x", "Authorization": "Bearer eyJ.e30.x"},
    ],
)
def test_the_secret_key_must_be_in_both_headers(stand_ins: StandInsClient, headers: dict[str, str]) -> None:
    reply = stand_ins.http.post(f"{BASE}/object/{BUCKET}/a.jpg", content=b"abc", headers=headers)

    assert error_of(reply) == (400, "403", "AccessDenied")


@pytest.mark.parametrize("headers", [{}, {"apikey": KEY}])
def test_a_write_without_an_authorization_has_the_wrong_form(
    stand_ins: StandInsClient, headers: dict[str, str]
) -> None:
    reply = stand_ins.http.post(f"{BASE}/object/{BUCKET}/a.jpg", content=b"abc", headers=headers)

    assert error_of(reply) == (400, "400", "InvalidRequest")
    assert reply.json()["message"] == "headers must have required property 'authorization'"


@pytest.mark.parametrize("key", [None, "sb_secret_other", "sb_publishable_x"])
@pytest.mark.parametrize("path", [f"/object/{BUCKET}/a.jpg", f"/object/authenticated/{BUCKET}/a.jpg"])
def test_a_file_of_a_public_bucket_is_read_with_any_key_or_none(
    stand_ins: StandInsClient, path: str, key: str | None
) -> None:
    upload(stand_ins, "a.jpg")

    reply = stand_ins.http.get(BASE + path, headers={"apikey": key, "Authorization": f"Bearer {key}"} if key else {})

    assert (reply.status_code, reply.content) == (200, b"abc")


def test_a_file_of_a_private_bucket_is_read_with_the_secret_key_only(stand_ins: StandInsClient) -> None:
    call(stand_ins, "POST", "/bucket", json={"id": "private"})
    call(stand_ins, "POST", "/object/private/a.jpg", content=b"abc")
    url, other = f"{BASE}/object/authenticated/private/a.jpg", {"apikey": "x", "Authorization": "Bearer x"}

    assert call(stand_ins, "GET", "/object/authenticated/private/a.jpg").content == b"abc"
    assert error_of(stand_ins.http.get(url)) == (400, "400", "InvalidRequest")
    assert error_of(stand_ins.http.get(url, headers=other)) == (400, "403", "AccessDenied")


@pytest.mark.parametrize(
    "byte_range", ["bytes=10-", "bytes=12-20", "bytes=5-2", "bytes=-0", "bytes=0-1,3-4", "lines=1-2", "bytes=", "x"]
)
def test_a_range_that_cannot_be_served_is_refused(stand_ins: StandInsClient, byte_range: str) -> None:
    upload(stand_ins, "a.jpg", b"0123456789")

    reply = stand_ins.http.get(f"{BASE}/object/public/{BUCKET}/a.jpg", headers={"Range": byte_range})

    assert (reply.status_code, reply.json()["error"], reply.json()["statusCode"]) == (416, "invalid_range", "416")


@pytest.mark.parametrize(("byte_range", "content"), [("bytes=8-", b"89"), ("bytes=-3", b"789"), ("bytes=7-99", b"789")])
def test_an_open_range_is_served_to_the_end(stand_ins: StandInsClient, byte_range: str, content: bytes) -> None:
    upload(stand_ins, "a.jpg", b"0123456789")

    reply = stand_ins.http.get(f"{BASE}/object/public/{BUCKET}/a.jpg", headers={"Range": byte_range})

    assert (reply.status_code, reply.content) == (206, content)


def test_an_unchanged_file_is_not_sent_again(stand_ins: StandInsClient) -> None:
    upload(stand_ins, "a.jpg")
    url = f"{BASE}/object/public/{BUCKET}/a.jpg"
    known = stand_ins.http.get(url).headers

    def ask(**headers: str) -> int:
        return stand_ins.http.get(
            url, headers={name.replace("_", "-"): text for name, text in headers.items()}
        ).status_code

    assert ask(if_none_match=known["etag"]) == 304
    assert ask(if_none_match='"other"', if_modified_since=known["last-modified"]) == 200
    assert ask(if_modified_since=known["last-modified"]) == 304
    assert ask(if_modified_since="Sat, 01 Jan 2000 00:00:00 GMT") == 200
    assert ask(if_modified_since="yesterday") == 200


def test_a_file_may_be_saved_under_a_name_and_is_not_for_search_engines(stand_ins: StandInsClient) -> None:
    upload(stand_ins, "a.jpg")
    url = f"{BASE}/object/public/{BUCKET}/a.jpg"

    assert stand_ins.http.get(url).headers["x-robots-tag"] == "none"
    assert "content-disposition" not in stand_ins.http.get(url).headers
    named = stand_ins.http.get(url, params={"download": "my file.jpg"}).headers["content-disposition"]
    assert named == "attachment; filename=my%20file.jpg; filename*=UTF-8''my%20file.jpg;"


def test_a_form_without_cache_control_is_not_cached(stand_ins: StandInsClient) -> None:
    form = {"file": ("a.jpg", b"abc", "image/jpeg")}
    call(stand_ins, "POST", f"/object/{BUCKET}/a.jpg", files=form)

    assert stand_ins.http.get(f"{BASE}/object/public/{BUCKET}/a.jpg").headers["cache-control"] == "no-cache"


def test_a_put_creates_what_is_missing(stand_ins: StandInsClient) -> None:
    reply = call(stand_ins, "PUT", f"/object/{BUCKET}/a.jpg", content=b"abc", headers={"content-type": "image/jpeg"})

    assert (reply.status_code, call(stand_ins, "GET", f"/object/{BUCKET}/a.jpg").content) == (200, b"abc")


def test_a_missing_bucket_lists_no_files(stand_ins: StandInsClient) -> None:
    reply = call(stand_ins, "POST", "/object/list/none", json={"prefix": ""})

    assert (reply.status_code, reply.json()) == (200, [])


def test_a_bucket_cannot_allow_more_than_the_project(stand_ins: StandInsClient) -> None:
    order = {"id": "large", "file_size_limit": PROJECT_LIMIT_BYTES + 1}

    assert error_of(call(stand_ins, "POST", "/bucket", json=order)) == (400, "413", "EntityTooLarge")


def test_a_name_may_end_with_a_slash_and_no_part_of_it_may_be_very_long(stand_ins: StandInsClient) -> None:
    assert upload(stand_ins, "x/").status_code == 200
    assert error_of(upload(stand_ins, "x" * 1100)) == (500, "500", "InternalError")


def test_an_internal_failure_of_the_storage_is_answered_with_500(stand_ins: StandInsClient) -> None:
    stand_ins.fault("supabase", "status", status=500)  # as if it had no free connection to its database

    assert error_of(upload(stand_ins, "a.jpg")) == (500, "500", "InternalError")


def test_a_large_body_of_a_refused_type_is_not_read(stand_ins: StandInsClient) -> None:
    """A client that reads while it sends gets the refusal long before the end of its body."""
    sent = itertools.count()

    def body() -> Iterator[bytes]:
        for _ in range(3000):
            next(sent)
            yield b"x" * 65_536

    headers = HEADERS | {"content-type": "image/svg+xml", "content-length": str(3000 * 65_536)}
    with timed_client(trust_env=False) as http:
        url = f"{stand_ins.base_url}{BASE}/object/{BUCKET}/a.svg"
        reply = http.post(url, content=body(), headers=headers, timeout=60)

    assert error_of(reply) == (400, "415", "InvalidMimeType")
    assert next(sent) < 3000


@pytest.mark.parametrize(
    "body", [b"", b"--b\r\n", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", b"--b--", b"x" * 100_000]
)
def test_a_broken_form_is_refused(stand_ins: StandInsClient, body: bytes) -> None:
    reply = upload(stand_ins, "a.jpg", body, content_type="multipart/form-data; boundary=b")

    assert error_of(reply) == (400, "400", "InvalidRequest")


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 300_000])
def test_a_form_preserves_content_that_resembles_its_delimiter(client: SyncStorageClient, size: int) -> None:
    content = (b"\r\n--" + bytes(range(256)) * (size // 256 + 1))[:size]

    client.from_(BUCKET).upload("x.jpg", content, {"content-type": "image/jpeg"})

    assert client.from_(BUCKET).download("x.jpg") == content


def test_files_survive_a_restart_and_a_reset_deletes_them(tmp_path: Path) -> None:
    async def pieces() -> Any:
        yield b"ab"
        yield b"c"

    first = Storage(tmp_path)
    asyncio.run(first.write(BUCKET, "a.jpg", pieces(), mimetype="image/jpeg", cache_control="max-age=60"))

    second = Storage(tmp_path)

    found = second.find(BUCKET, "a.jpg")
    assert found == first.find(BUCKET, "a.jpg")
    assert (found.size, second.path_of(found).read_bytes()) == (3, b"abc")
    second.reset()
    assert Storage(tmp_path).objects == {}


def test_the_bucket_has_the_types_and_limit_of_the_migration() -> None:
    sql = MIGRATION.read_text()

    assert tuple(re.findall(r"'((?:image|video|audio)/[a-z0-9]+)'", sql)) == MEDIA_TYPES
    assert f"true, {MEDIA_LIMIT_BYTES}," in sql
