"""Parses the JSON documents of a model's vendor."""

from collections.abc import Mapping
from typing import Any

from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json

from .errors import unreadable_answer


def parse_document(body: bytes | str) -> Any:
    """Return the document of a failure; None if it is not JSON."""
    try:
        return parse_untrusted_json(body)
    except NotJson:
        return None


def parse_object(body: bytes | str, *, provider: str) -> Mapping[str, Any]:
    """Return the document of a success.

    Raises:
        ModelError: it is not a JSON object.
    """
    document = parse_document(body)
    if not isinstance(document, dict):
        raise unreadable_answer(provider)
    return document
