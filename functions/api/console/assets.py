"""The files of the console: which there are, their version, and their compressed bytes."""

import gzip
import hashlib
import posixpath
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CONSOLE_FOLDER = Path(__file__).parents[3] / "web" / "console"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""The files that browsers get, by suffix. Pages are rendered, and the list of licences is not sent."""
_COMPRESSED_ALREADY = ".woff2"
_STATIC_IMPORT = re.compile(r"""\bfrom\s?["'](\.[^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, with its bytes as they are and, unless its format is compressed already, as gzip."""

    media_type: str
    content: bytes
    compressed: bytes | None


class ConsoleAssets:
    """The files of the console. Nothing is read before the first request for the console."""

    def __init__(self, folder: Path = CONSOLE_FOLDER) -> None:
        self._folder = folder
        self._assets: dict[str, Asset] = {}
        self._modules: dict[str, list[str]] = {}

    @cached_property
    def version(self) -> str:
        """A digest of all files. It is part of their addresses, so that browsers may keep them for ever."""
        digest = hashlib.sha256()
        for name, path in sorted(self._paths.items()):
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:12]

    def list_modules(self, first: str) -> list[str]:
        """Return the script modules that a page needs from the start, which the browser fetches side by side."""
        if first in self._modules:
            return self._modules[first]
        found = [first]
        for name in found:
            imported = _STATIC_IMPORT.findall(self._paths[name].read_text(encoding="utf-8"))
            names = [posixpath.normpath(posixpath.join(posixpath.dirname(name), one)) for one in imported]
            found += [one for one in dict.fromkeys(names) if one not in found]
        self._modules[first] = found
        return found

    def get_page(self, name: str) -> str:
        """Return the source of a page."""
        return (self._folder / name).read_text(encoding="utf-8")

    def find(self, name: str) -> Asset | None:
        """Return the file with this path below the folder; None if browsers get no such file."""
        path = self._paths.get(name)
        if path is None:
            return None
        if name not in self._assets:
            content = path.read_bytes()
            compressed = None if path.suffix == _COMPRESSED_ALREADY else gzip.compress(content, 9, mtime=0)
            self._assets[name] = Asset(_MEDIA_TYPES[path.suffix], content, compressed)
        return self._assets[name]

    @cached_property
    def _paths(self) -> dict[str, Path]:
        return {
            path.relative_to(self._folder).as_posix(): path
            for path in self._folder.rglob("*")
            if path.suffix in _MEDIA_TYPES and path.is_file()
        }
