"""Codes of languages, as platforms and captions give them."""

import re

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,4})?")
_NO_LANGUAGE = re.compile(r"q[a-t][a-z]|und|zxx|mul|mis")
"""How X says that a text is in no language, such as `qme`. Source: ISO 639-2, local and special codes."""


def language_code(claimed: str | None) -> str | None:
    """Return the code if it is one and names a language."""
    code = (claimed or "").strip()
    return code if _LANGUAGE.fullmatch(code) and not _NO_LANGUAGE.fullmatch(code) else None
