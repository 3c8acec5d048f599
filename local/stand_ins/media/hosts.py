"""The platforms' media hosts, which serve the files of posts under the paths of their real URLs."""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from http import HTTPStatus
from mimetypes import guess_type
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from local.stand_ins.brightdata import instagram_records
from local.stand_ins.media.answers import MediaAnswer
from local.stand_ins.scenario.posts import Platform, Post, PostFile
from local.stand_ins.state import State
from local.stand_ins.twitterapi import tweets

router = APIRouter(prefix="/media")
control_router = APIRouter(prefix="/__control")

type FilesOf = Callable[[Post], Iterator[tuple[str, PostFile]]]


FILES_BY_HOST: Mapping[str, tuple[Platform, FilesOf]] = {
    ".twimg.com": (Platform.X, tweets.files_of),
    ".cdninstagram.com": (Platform.INSTAGRAM, instagram_records.files_of),
    ".fbcdn.net": (Platform.INSTAGRAM, instagram_records.files_of),
}
"""The platform of a host, by the end of the host's name, and the paths of a post's files there."""
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,12}")


@control_router.post("/media")
async def add_answer(state: State, answer: MediaAnswer) -> dict[str, str]:
    """Set the answer of a media host at one address, until the reset."""
    state.media_answers[answer.address] = answer
    return {"address": answer.address}


@router.get("/{host}/{path:path}")
async def get_media(
    state: State,
    host: str,
    path: str,
    oe: Annotated[str, Query()] = "",
    byte_range: Annotated[str, Header(alias="range")] = "",
) -> Response:
    """Return a file of a post, unless its link has expired (`oe`, a time in hexadecimal digits)."""
    answer = state.media_answers.get(f"{host}/{path}")
    if answer is not None:
        return _as_response(answer)
    # Source: Instagram's media hosts, as described in public reports of 2025 and 2026.
    if _HEXADECIMAL.fullmatch(oe) and int(oe, 16) < time.time():
        return Response("URL signature expired", HTTPStatus.FORBIDDEN, media_type="text/plain")
    file = _find(state, host, f"/{path}")
    return Response(status_code=HTTPStatus.NOT_FOUND) if file is None else _part(file, byte_range)


def _find(state: State, host: str, path: str) -> PostFile | None:
    for end, (platform, files_of) in FILES_BY_HOST.items():
        if host.endswith(end):
            found = (file for post in state.all_posts(platform) for at, file in files_of(post) if at == path)
            return next(found, None)
    return None


def _part(file: PostFile, byte_range: str) -> Response:
    content, size = file.content, len(file.content)
    media_type = guess_type(file.filename)[0] or "application/octet-stream"
    match = _RANGE.fullmatch(byte_range)
    if match is None:
        return Response(content, media_type=media_type, headers={"accept-ranges": "bytes"})
    start, end = int(match[1]), min(int(match[2] or size), size - 1)
    if start > end:
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return Response(status_code=status, headers={"content-range": f"bytes */{size}"})
    headers = {"accept-ranges": "bytes", "content-range": f"bytes {start}-{end}/{size}"}
    return Response(content[start : end + 1], HTTPStatus.PARTIAL_CONTENT, headers=headers, media_type=media_type)


def _as_response(answer: MediaAnswer) -> Response:
    body = answer.body.encode("latin-1", "replace")
    if answer.repeat == 1:
        return Response(body, answer.status, headers=dict(answer.headers))
    return StreamingResponse(_repeated(body, answer.repeat), answer.status, headers=dict(answer.headers))


async def _repeated(body: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield body
