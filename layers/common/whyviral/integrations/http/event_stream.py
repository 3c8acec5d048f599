"""A reader of server-sent events, over bytes.

Lines end at a line feed only. `httpx.Response.iter_lines` also splits at U+2028 and other separators, which may stand
inside a JSON string. Source: WHATWG HTML, "Server-sent events"; httpx 0.28, `LineDecoder`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_EVENT_BYTES = 4 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """An event, or a line of one, exceeds the limit."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; invalid UTF-8 in its data becomes U+FFFD."""

    name: str
    """Empty where the stream names none."""
    data: str


class EventReader:
    """Turns the bytes of a stream into events; an unterminated last event is dropped.

    Gemini sends some errors as a bare line of JSON, so a line that begins with a brace is an event of its own.
    Source: google-genai 3.4, `_api_client.py`.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._name = ""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._is_first_line = True

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Yield the events that are complete with this chunk.

        Raises:
            EventTooLarge: the stream sends an event without an end.
        """
        self._rest += chunk
        *lines, rest = self._rest.split(b"\n")
        self._rest = bytearray(rest)
        if len(rest) > MAX_EVENT_BYTES:
            raise EventTooLarge("a line is too long")
        for line in lines:
            event = self._read(bytes(line.removesuffix(b"\r")))
            if event is not None:
                yield event

    def _read(self, line: bytes) -> ServerEvent | None:
        if self._is_first_line:
            line, self._is_first_line = line.removeprefix(_BYTE_ORDER_MARK), False
        if not line:
            return self._finish_event()
        if line.startswith(b"{"):
            return ServerEvent("", _text(line))
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = _text(value)
        elif field == b"data":
            self._data_bytes += len(value)
            if self._data_bytes > MAX_EVENT_BYTES:
                raise EventTooLarge("an event is too long")
            self._data.append(value)
        return None

    def _finish_event(self) -> ServerEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._data_bytes = "", [], 0
        return ServerEvent(name, _text(b"\n".join(data))) if data else None


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")
