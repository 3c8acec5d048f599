"""Streaming parser of multipart/form-data, so that a large file need not fit into memory."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

_BOUNDARY = re.compile(r'multipart/form-data;.*\bboundary="?([^";]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(rb'\bname="([^"\r\n]*)"')
_FILENAME = re.compile(rb'\bfilename="')
_TYPE = re.compile(rb"^content-type:\s*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_MAX_HEAD_BYTES = 16 * 1024


class BrokenForm(ValueError):
    """The body is not a form that this parser supports."""


@dataclass(frozen=True, slots=True)
class Part:
    """The headers of a part."""

    name: str
    is_file: bool
    content_type: str | None


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary of a multipart form; None for another content type."""
    match = _BOUNDARY.match(content_type)
    return match[1].encode() if match else None


async def read_parts(body: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[tuple[Part, bytes]]:
    """Yield the content of each part in pieces, the last of which may be empty.

    Raises:
        BrokenForm: the form ends early or has no parts.
    """
    splitter = _Splitter(b"\r\n--" + boundary)
    async for piece in body:
        for part, content in splitter.feed(piece):
            yield part, content
        if splitter.is_done:
            return
    raise BrokenForm("the form does not end")


class _Splitter:
    """Splits a form at its delimiters; holds back bytes that may be the start of a delimiter."""

    def __init__(self, delimiter: bytes) -> None:
        self.is_done = False
        self._delimiter = delimiter
        self._held = b"\r\n"  # the first delimiter may start the body, without the line end before the others
        self._part: Part | None = None

    def feed(self, piece: bytes) -> Iterator[tuple[Part, bytes]]:
        """Add a piece and yield the content that is complete."""
        self._held += piece
        while (at := self._held.find(self._delimiter)) >= 0 and not self.is_done:
            head, blank, content = self._held[at + len(self._delimiter) :].partition(b"\r\n\r\n")
            self.is_done = head.startswith(b"--")
            if not blank and not self.is_done:
                break
            if self._part is not None:
                yield self._part, self._held[:at]
            if not self.is_done:
                self._part, self._held = _part(head), content
        if at < 0 and self._part is not None and len(self._held) >= len(self._delimiter):
            yield self._part, self._held[: 1 - len(self._delimiter)]
            self._held = self._held[1 - len(self._delimiter) :]
        elif at >= 0 and len(self._held) - at > _MAX_HEAD_BYTES + len(piece):
            raise BrokenForm("a part's head does not end")


def _part(head: bytes) -> Part:
    name, content_type = _NAME.search(head), _TYPE.search(head.replace(b"\r\n", b"\n"))
    if name is None:
        raise BrokenForm("a part has no name")
    return Part(
        name=name[1].decode("utf-8", "replace"),
        is_file=_FILENAME.search(head) is not None,
        content_type=content_type[1].decode("latin-1").strip() if content_type else None,
    )
