"""Removes the thinking that some models write in front of their answer, between `<think>` and `</think>`."""

_OPENING, _CLOSING = "<think>", "</think>"


class ThinkingFilter:
    """Passes text on once it is known not to be thinking, which stands only at the start of an answer."""

    def __init__(self) -> None:
        self._held = ""
        self._is_inside = False
        self._is_over = False

    def feed(self, text: str) -> str:
        """Return the part of the text so far that can be shown now."""
        if self._is_over:
            return text
        self._held += text
        if not self._is_inside:
            start = self._held.lstrip()
            if not start.startswith(_OPENING):
                return "" if _OPENING.startswith(start) else self._release(self._held)
            self._is_inside = True
        _, closing, rest = self._held.partition(_CLOSING)
        return self._release(rest.lstrip()) if closing else ""

    def finish(self) -> str:
        """Return the held text of an answer that has ended: none of it if the thinking never ended."""
        return "" if self._is_inside or self._is_over else self._release(self._held)

    def _release(self, text: str) -> str:
        self._held, self._is_inside, self._is_over = "", False, True
        return text
