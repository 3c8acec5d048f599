"""Regular expressions that are compiled at their first use.

The patterns of this package take some 50 ms to compile, and functions that import it check claims in few of their
calls.
"""

import re
import sys
from collections.abc import Callable, Iterator
from functools import cached_property


class LazyPattern:
    """A regular expression with the methods of a compiled one."""

    def __init__(self, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self.pattern = pattern
        self._flags = flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, self._flags)

    def match(self, text: str, start: int = 0) -> re.Match[str] | None:
        """Match at `start`."""
        return self._compiled.match(text, start)

    def fullmatch(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        """Match the whole of a part."""
        return self._compiled.fullmatch(text, start, end)

    def search(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        """Find the first match in a part."""
        return self._compiled.search(text, start, end)

    def finditer(self, text: str, start: int = 0, end: int = sys.maxsize) -> Iterator[re.Match[str]]:
        """Yield the matches in a part."""
        return self._compiled.finditer(text, start, end)

    def findall(self, text: str) -> list[str]:
        """Return the matches, of a pattern with at most one group."""
        return self._compiled.findall(text)

    def split(self, text: str) -> list[str]:
        """Return the parts between the matches."""
        return self._compiled.split(text)

    def sub(self, replacement: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Return the text with replaced matches."""
        return self._compiled.sub(replacement, text)
