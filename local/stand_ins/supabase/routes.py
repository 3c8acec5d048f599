"""Supabase Storage. Source: supabase/storage, src/http/routes/object and src/http/error-handler.ts, 2026-08."""

import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from local.stand_ins.scenario.faults import drop_connection
from local.stand_ins.state import StandIns, State
from local.stand_ins.supabase.multipart import BrokenForm, Part, boundary_of, read_parts
from local.stand_ins.supabase.storage import PROJECT_LIMIT_BYTES, Bucket, StorageRefusal
from local.stand_ins.supabase.stored_files import answer_with

SECRET_KEY = "sb_secret_stand_in"  # noqa: S105 - only the stand-in accepts it
"""The secret key of the project, the only one that is accepted."""
_PUBLISHABLE = "sb_publishable_"
_TRUE_STATUSES = frozenset({416, 429, 500, 502, 503, 504, 544})
"""HTTP statuses that the storage uses; all others appear only in the body, with HTTP status 400."""
_MAX_DELETED = 1000
_UNREAD_BYTES = 256 * 1024
"""A longer body has not been received when its headers are refused."""
_KEEP_OPEN_S = 60.0


def error_body(status: int) -> Mapping[str, Any]:
    """Return the body of an error that the storage itself reports."""
    return {
        "statusCode": str(status),
        "error": "InternalError",
        "message": "Internal server error",
        "code": "InternalError",
    }


async def render_storage_refusal(request: Request, refusal: Exception) -> JSONResponse:
    """Turn a refusal into the storage's error answer."""
    assert isinstance(refusal, StorageRefusal)  # noqa: S101 - registered only for this class
    body = {"statusCode": str(refusal.status), "error": refusal.error, "message": refusal.message, "code": refusal.code}
    status = refusal.status if refusal.status in _TRUE_STATUSES else HTTPStatus.BAD_REQUEST
    is_early = refusal.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if is_early and int(request.headers.get("content-length", _UNREAD_BYTES + 1)) > _UNREAD_BYTES:
        return _EarlyAnswer(body, status)
    return JSONResponse(body, status)


class _EarlyAnswer(JSONResponse):
    """An answer that leaves the rest of the request unread and the connection open, as the storage does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        # `receive` is not called, so the server stops reading when its buffer is full.
        await scope["app"].state.stand_ins.faults.pause(_KEEP_OPEN_S)
        await drop_connection(scope, receive)


def _check_key(request: Request) -> None:
    """Refuse a call without the project's secret key, which must be the same in both headers."""
    apikey, authorization = (request.headers.get(name, "") for name in ("apikey", "authorization"))
    if not authorization:
        message = "headers must have required property 'authorization'"
        raise StorageRefusal(400, "Error", message, "InvalidRequest")
    if authorization == f"Bearer {apikey}" and apikey.startswith(_PUBLISHABLE):
        raise StorageRefusal(403, "Unauthorized", "new row violates row-level security policy", "AccessDenied")
    if (apikey, authorization) != (SECRET_KEY, f"Bearer {SECRET_KEY}"):
        raise StorageRefusal(403, "Unauthorized", "Invalid Compact JWS", "AccessDenied")


async def _require_key(request: Request) -> None:
    _check_key(request)


router = APIRouter(prefix="/supabase/storage/v1")
_keyed = APIRouter(dependencies=[Depends(_require_key)])
_readable = APIRouter()
"""Included last: its paths also match those of the others."""


class BucketOrder(BaseModel):
    """A bucket to create."""

    id: str = Field(min_length=1, max_length=100)
    public: bool = False
    file_size_limit: int | None = None
    allowed_mime_types: list[str] | None = None


class ListOrder(BaseModel):
    """The files to list."""

    prefix: str = ""
    limit: int = Field(default=100, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)


class NamesOrder(BaseModel):
    """The files to delete."""

    prefixes: list[str] = Field(max_length=_MAX_DELETED)


class SignOrder(BaseModel):
    """The lifetime of a signed URL; storage3 sends the number as text."""

    expiresIn: int = Field(gt=0)  # noqa: N815 - the vendor's name


@router.api_route("/object/public/{bucket}/{path:path}", methods=["GET", "HEAD"])
async def get_public(state: State, request: Request, bucket: str, path: str) -> Response:
    """Return a file of a public bucket; a private bucket is reported as missing."""
    if not state.storage.bucket(bucket).public:
        raise StorageRefusal(404, "Bucket not found", "Bucket not found", "NoSuchBucket")
    return _file(state, request, bucket, path)


@router.get("/object/sign/{bucket}/{path:path}")
async def get_signed(
    state: State, request: Request, bucket: str, path: str, token: Annotated[str, Query()] = ""
) -> Response:
    """Return a file for a valid signed URL."""
    signed = state.storage.tokens.get(token)
    if signed is None or signed[:2] != (bucket, path) or signed[2] < datetime.now(UTC):
        raise StorageRefusal(400, "InvalidJWT", "jwt expired", "InvalidJWT")
    return _file(state, request, bucket, path)


@_keyed.post("/object/sign/{bucket}/{path:path}")
async def sign(state: State, bucket: str, path: str, order: SignOrder) -> dict[str, str]:
    """Create a signed URL with a lifetime."""
    state.storage.find(bucket, path)
    token = secrets.token_urlsafe()
    state.storage.tokens[token] = bucket, path, datetime.now(UTC) + timedelta(seconds=order.expiresIn)
    return {"signedURL": f"/object/sign/{bucket}/{path}?token={token}"}


@_keyed.post("/object/list/{bucket}")
async def list_objects(state: State, bucket: str, order: ListOrder) -> list[dict[str, Any]]:
    """List a folder by name; subfolders have no id, and a missing bucket counts as empty."""
    below = f"{order.prefix.strip('/')}/" if order.prefix.strip("/") else ""
    rows: dict[str, dict[str, Any]] = {}
    for (owner, name), stored in state.storage.objects.items():
        if owner == bucket and name.startswith(below):
            folder, slash, _ = name.removeprefix(below).partition("/")
            rows[folder] = {"name": folder, "id": None, "metadata": None} if slash else stored.as_row(below=below)
    return [rows[name] for name in sorted(rows)][order.offset : order.offset + order.limit]


@_keyed.get("/object/info/{bucket}/{path:path}")
async def get_info(state: State, bucket: str, path: str) -> dict[str, Any]:
    """Return the metadata of a file."""
    return state.storage.find(bucket, path).as_row()


# The inner decorator is registered first, because the other path would match `authenticated` as a bucket.
@_readable.api_route("/object/{bucket}/{path:path}", methods=["GET", "HEAD"])
@_readable.api_route("/object/authenticated/{bucket}/{path:path}", methods=["GET", "HEAD"])
async def get_object(state: State, request: Request, bucket: str, path: str) -> Response:
    """Return a file; a bucket that is not public requires the key."""
    if not state.storage.bucket(bucket).public:
        _check_key(request)
    return _file(state, request, bucket, path)


@_keyed.post("/object/{bucket}/{path:path}")
async def create_object(
    state: State, request: Request, bucket: str, path: str, x_upsert: Annotated[str, Header()] = "false"
) -> dict[str, str]:
    """Store a file; replaces a file with the same name only if `x-upsert` is set."""
    state.storage.check_key(bucket, path, may_replace=x_upsert == "true")
    return await _receive(state, request, bucket, path)


@_keyed.put("/object/{bucket}/{path:path}")
async def replace_object(state: State, request: Request, bucket: str, path: str) -> dict[str, str]:
    """Store a file; replaces a file with the same name."""
    state.storage.check_key(bucket, path, may_replace=True)
    return await _receive(state, request, bucket, path)


@_keyed.delete("/object/{bucket}")
async def delete_objects(state: State, bucket: str, order: NamesOrder) -> list[dict[str, Any]]:
    """Delete files; ignores unknown names."""
    return [stored.as_row() for stored in state.storage.delete(bucket, order.prefixes)]


@_keyed.post("/bucket")
async def create_bucket(state: State, order: BucketOrder) -> dict[str, str]:
    """Create a bucket."""
    if order.id in state.storage.buckets:
        raise StorageRefusal(409, "Duplicate", "The resource already exists", "BucketAlreadyExists")
    if (order.file_size_limit or 0) > PROJECT_LIMIT_BYTES:
        raise StorageRefusal(413, "Payload too large", "The object exceeded the maximum allowed size", "EntityTooLarge")
    state.storage.buckets[order.id] = Bucket(**order.model_dump())
    return {"name": order.id}


@_keyed.get("/bucket/{bucket}")
async def get_bucket(state: State, bucket: str) -> dict[str, Any]:
    """Return a bucket and its limits."""
    found = state.storage.bucket(bucket)
    return {"id": found.id, "name": found.id, "public": found.public, "file_size_limit": found.file_size_limit} | {
        "allowed_mime_types": found.allowed_mime_types
    }


router.include_router(_keyed)
router.include_router(_readable)


def _file(state: StandIns, request: Request, bucket: str, path: str) -> Response:
    stored = state.storage.find(bucket, path)
    return answer_with(request, stored, state.storage.path_of(stored))


async def _receive(state: State, request: Request, bucket: str, path: str) -> dict[str, str]:
    """Store the body, which is the file itself or a form with it."""
    content_type = request.headers.get("content-type", "")
    cache_control = request.headers.get("cache-control", "no-cache")
    pieces: AsyncIterator[bytes] = request.stream()
    if boundary := boundary_of(content_type):
        content_type, cache_control, pieces = await _open_form(pieces, boundary)
    mimetype = content_type.partition(";")[0].strip().lower() or "application/octet-stream"
    try:
        stored = await state.storage.write(bucket, path, pieces, mimetype=mimetype, cache_control=cache_control)
    except BrokenForm as exc:
        raise _invalid_form(exc) from exc
    return {"Id": stored.id, "Key": f"{bucket}/{path}"}


async def _open_form(body: AsyncIterator[bytes], boundary: bytes) -> tuple[str, str, AsyncIterator[bytes]]:
    """Return type, cache control and content of the file in a form, in which the fields precede the file."""
    parts = read_parts(body, boundary)
    max_age = b""
    try:
        async for part, piece in parts:
            if part.is_file:
                cache_control = f"max-age={max_age.decode()}" if max_age else "no-cache"
                return part.content_type or "text/plain", cache_control, _rest(piece, parts)
            if part.name == "cacheControl":
                max_age += piece
    except BrokenForm as exc:
        raise _invalid_form(exc) from exc
    raise _invalid_form(BrokenForm("it contains no file"))


async def _rest(first: bytes, parts: AsyncIterator[tuple[Part, bytes]]) -> AsyncIterator[bytes]:
    yield first
    async for part, piece in parts:
        if not part.is_file:
            raise BrokenForm("a field comes after the file")
        yield piece


def _invalid_form(cause: BrokenForm) -> StorageRefusal:
    return StorageRefusal(400, "InvalidRequest", f"Invalid form: {cause}", "InvalidRequest")
