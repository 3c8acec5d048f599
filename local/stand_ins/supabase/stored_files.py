"""Answers to reads of a stored file: the whole file, a range, not modified, or an unsatisfiable range."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import FileResponse

from local.stand_ins.supabase.storage import StorageRefusal, StoredObject

# One range of bytes; the storage supports no other unit and no multiple ranges.
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})|bytes=-(\d{1,18})")


def answer_with(request: Request, stored: StoredObject, path: Path) -> Response:
    """Return the answer to a GET or HEAD of a file.

    Source: supabase/storage, src/storage/renderer/renderer.ts, 2026-08, and its server 1.11.2.

    Raises:
        StorageRefusal: the range cannot be satisfied.
    """
    headers = _headers(stored, download=request.query_params.get("download"))
    if _is_unchanged(request, stored):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    byte_range = request.headers.get("range")
    if byte_range is not None:
        _check_range(byte_range, size_bytes=stored.size)
    return FileResponse(path, media_type=stored.mimetype, headers=headers)


def _headers(stored: StoredObject, *, download: str | None) -> dict[str, str]:
    headers = {
        "cache-control": stored.cache_control,
        "etag": stored.etag,
        "last-modified": format_datetime(_modified_at(stored), usegmt=True),
        "x-robots-tag": "none",
    }
    if download is not None:
        name = quote(download, safe="")
        headers["content-disposition"] = (
            f"attachment; filename={name}; filename*=UTF-8''{name};" if name else "attachment;"
        )
    return headers


def _is_unchanged(request: Request, stored: StoredObject) -> bool:
    known_etags = request.headers.get("if-none-match")
    if known_etags is not None:  # takes precedence over if-modified-since: RFC 9110, 13.2.2
        return "*" in known_etags or stored.etag in known_etags
    try:
        known_at = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except ValueError:
        return False
    return _modified_at(stored) <= (known_at if known_at.tzinfo else known_at.replace(tzinfo=UTC))


def _modified_at(stored: StoredObject) -> datetime:
    return datetime.fromisoformat(stored.created_at).replace(microsecond=0)


def _check_range(byte_range: str, *, size_bytes: int) -> None:
    match = _RANGE.fullmatch(byte_range.strip())
    if match is not None:
        first, last, from_end = match.groups()
        if from_end:
            is_satisfiable = int(from_end) > 0
        else:
            is_satisfiable = int(first) < size_bytes and (not last or int(last) >= int(first))
        if is_satisfiable and size_bytes:
            return
    raise StorageRefusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "invalid_range", "invalid range", "InvalidRange")
