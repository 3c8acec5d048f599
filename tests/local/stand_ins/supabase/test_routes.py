"""The stand-in of Supabase Storage, by bare HTTP and by Supabase's own client."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from storage3 import SyncStorageClient

from local.stand_ins.supabase.storage import MEDIA_LIMIT_BYTES, MEDIA_TYPES, Storage
from tests.fixtures.stand_ins import StandInsClient
from whyviral.integrations.ports.media_store import BUCKET

KEY = "sb_secret_any"
HEADERS = {"apikey": KEY, "Authorization": f"Bearer {KEY}"}
BASE = "/supabase/storage/v1"
MIGRATION = Path(__file__).parents[4] / "migrations" / "versions" / "0001_initial" / "storage.sql"


def call(stand_ins: StandInsClient, method: str, path: str, **fields: Any) -> httpx.Response:
    headers = HEADERS | fields.pop("headers", {})
    return stand_ins.http.request(method, f"{BASE}{path}", headers=headers, **fields)


def upload(stand_ins: StandInsClient, name: str, content: bytes = b"abc", **headers: str) -> httpx.Response:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    plain = {"content-type": "image/jpeg", "cache-control": "max-age=60"}
    return call(stand_ins, "POST", f"/object/{BUCKET}/{name}", content=content, headers=plain | told)


def told(reply: httpx.Response) -> tuple[int, str, str]:
    body = reply.json()
    return reply.status_code, body["statusCode"], body["code"]


@pytest.fixture
def client(stand_ins: StandInsClient) -> Iterator[SyncStorageClient]:
    with httpx.Client() as http:
        yield SyncStorageClient(f"{stand_ins.base_url}{BASE}/", HEADERS, http_client=http)


def test_supabases_own_client_finds_everything_where_it_expects_it(client: SyncStorageClient) -> None:
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


def test_a_raw_body_is_stored_as_it_is_and_served_to_everybody(stand_ins: StandInsClient) -> None:
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


def test_a_file_is_replaced_only_when_asked_for(stand_ins: StandInsClient) -> None:
    upload(stand_ins, "a.jpg")

    assert told(upload(stand_ins, "a.jpg")) == (400, "409", "KeyAlreadyExists")
    assert upload(stand_ins, "a.jpg", b"new", x_upsert="true").status_code == 200
    assert call(stand_ins, "GET", f"/object/{BUCKET}/a.jpg").content == b"new"


@pytest.mark.parametrize("name", ["\u00e9.jpg", "a%23b.jpg", "a[1].jpg", "a%25.jpg", "x/"])
def test_a_name_with_other_characters_is_refused(stand_ins: StandInsClient, name: str) -> None:
    assert told(upload(stand_ins, name)) == (400, "400", "InvalidKey")


def test_the_bucket_takes_only_its_types_and_sizes(stand_ins: StandInsClient) -> None:
    order = {"id": "small", "name": "small", "public": False, "file_size_limit": 10}
    assert call(stand_ins, "POST", "/bucket", json=order).json() == {"name": "small"}

    too_large = call(stand_ins, "POST", "/object/small/a.jpg", content=b"x" * 11)
    fits = call(stand_ins, "POST", "/object/small/a.jpg", content=b"x" * 10)

    assert told(too_large) == (400, "413", "EntityTooLarge")
    assert fits.status_code == 200
    assert told(upload(stand_ins, "a.svg", content_type="image/svg+xml")) == (400, "415", "InvalidMimeType")
    assert told(call(stand_ins, "POST", "/bucket", json=order)) == (400, "409", "BucketAlreadyExists")
    assert told(stand_ins.http.get(f"{BASE}/object/public/small/a.jpg")) == (400, "404", "NoSuchBucket")


@pytest.mark.parametrize("path", ["/object/none/a.jpg", f"/object/{BUCKET}/none.jpg", "/bucket/none"])
def test_what_is_missing_is_told_under_another_status(stand_ins: StandInsClient, path: str) -> None:
    status, body_status, _ = told(call(stand_ins, "GET", path))

    assert (status, body_status) == (400, "404")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"apikey": KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"apikey": KEY, "Authorization": "Bearer sb_secret_other"},
        {"apikey": "sb_publishable_x", "Authorization": "Bearer sb_publishable_x"},
        {"apikey": "eyJ.e30.x", "Authorization": "Bearer eyJ.e30.x"},
    ],
)
def test_only_a_secret_key_in_both_headers_is_a_key(stand_ins: StandInsClient, headers: dict[str, str]) -> None:
    reply = stand_ins.http.post(f"{BASE}/object/{BUCKET}/a.jpg", content=b"abc", headers=headers)

    assert told(reply) == (400, "403", "AccessDenied")


@pytest.mark.parametrize(
    "body", [b"", b"--b\r\n", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", b"--b--", b"x" * 100_000]
)
def test_a_broken_form_is_refused(stand_ins: StandInsClient, body: bytes) -> None:
    reply = upload(stand_ins, "a.jpg", body, content_type="multipart/form-data; boundary=b")

    assert told(reply) == (400, "400", "InvalidRequest")


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 300_000])
def test_a_form_gives_back_what_was_put_in_whatever_looks_like_its_end(client: SyncStorageClient, size: int) -> None:
    content = (b"\r\n--" + bytes(range(256)) * (size // 256 + 1))[:size]

    client.from_(BUCKET).upload("x.jpg", content, {"content-type": "image/jpeg"})

    assert client.from_(BUCKET).download("x.jpg") == content


def test_files_are_there_again_after_a_restart_and_gone_after_a_reset(tmp_path: Path) -> None:
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


def test_the_bucket_takes_what_the_migration_lets_it_take() -> None:
    sql = MIGRATION.read_text()

    assert tuple(re.findall(r"'((?:image|video|audio)/[a-z0-9]+)'", sql)) == MEDIA_TYPES
    assert f"true, {MEDIA_LIMIT_BYTES}," in sql
