"""Escapes untrusted data for a prompt, so that no text in it can close its block or start a line."""

import json
from typing import Any


def inert_json(document: Any) -> str:
    """Return the document as JSON on one line, without angle brackets, control, format or line-breaking characters."""
    return "".join(map(_escape, json.dumps(document, ensure_ascii=False)))


def _escape(character: str) -> str:
    if character.isprintable() and character not in "<>":
        return character
    return json.dumps(character)[1:-1] if not character.isascii() else f"\\u{ord(character):04x}"
