"""Finds the one JSON object in a model's text: plain, fenced, amid prose, in a list, or encoded twice."""

import json
import re
from collections.abc import Mapping
from typing import Any

from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json

_MAX_LAYERS = 3
"""A list around a string around an object is as deep as an answer is unwrapped."""
_MAX_STARTS = 50
"""How many opening braces are tried in prose."""
_BLANKS = "\ufeff\u200b\u2060 \t\r\n"
_START = re.compile(r'[{\[]|"(?=[{\[])')
_DECODER = json.JSONDecoder()


def find_object(text: str) -> Mapping[str, Any] | None:
    """Return the object that a text holds; None where it holds none, or several that differ."""
    return _unwrap(text, layers=_MAX_LAYERS)


def _unwrap(value: Any, *, layers: int) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        return value
    if layers == 0:
        return None
    if isinstance(value, list):
        return _unwrap(value[0], layers=layers - 1) if len(value) == 1 else None
    if not isinstance(value, str):
        return None
    text = value.strip(_BLANKS)
    try:
        document = parse_untrusted_json(text)
    except NotJson:
        return _only_object_amid(text, layers=layers)
    return _unwrap(document, layers=layers - 1)


def _only_object_amid(text: str, *, layers: int) -> Mapping[str, Any] | None:
    """Return the object in prose or in a fence; one that is repeated counts once."""
    found: list[Mapping[str, Any]] = []
    start = _START.search(text)
    for _ in range(_MAX_STARTS):
        if start is None:
            break
        value, end = _object_at(text, start.start(), layers=layers)
        if value and value not in found:
            found.append(value)
        start = _START.search(text, end)
    return found[0] if len(found) == 1 else None


def _object_at(text: str, position: int, *, layers: int) -> tuple[Mapping[str, Any] | None, int]:
    """Return the object that starts at a position, and where to look for the next one."""
    try:
        _, end = _DECODER.raw_decode(text, position)
        value = _unwrap(parse_untrusted_json(text[position:end]), layers=layers - 1)
    except (ValueError, RecursionError):
        return None, position + 1
    return value, end if value else position + 1
