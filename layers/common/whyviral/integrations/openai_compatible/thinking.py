"""Removes the thinking that some models write in front of their answer, between `<think>` and `</think>`."""

from enum import Enum, auto

_OPENING, _CLOSING = "<think>", "</think>"


class _Place(Enum):
    START = auto()
    INSIDE = auto()
    AFTER = auto()
    """Before the first word of the answer."""
    ANSWER = auto()


class ThinkingFilter:
    """Passes text on once it is known not to be thinking, which stands only at the start of an answer."""

    def __init__(self) -> None:
        self._held = ""
        self._place = _Place.START

    def feed(self, text: str) -> str:
        """Return the part of the text so far that can be shown now."""
        if self._place is _Place.ANSWER:
            return text
        self._held += text
        if self._place is _Place.START:
            start = self._held.lstrip()
            if not start.startswith(_OPENING):
                return "" if _OPENING.startswith(start) else self._release()
            self._place = _Place.INSIDE
        if self._place is _Place.INSIDE and _CLOSING in self._held:
            self._held, self._place = self._held.partition(_CLOSING)[2], _Place.AFTER
        if self._place is _Place.AFTER:
            self._held = self._held.lstrip()
            return self._release() if self._held else ""
        return ""

    def finish(self) -> str:
        """Return the held text of an answer that has ended: none of it if the thinking never ended."""
        return self._release() if self._place is _Place.START else ""

    def _release(self) -> str:
        text, self._held, self._place = self._held, "", _Place.ANSWER
        return text
