"""Fast parsers from Postgres's text format to Python values, for the types that fill most rows."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from pg8000 import converters

_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse_timestamptz(text: str) -> Any:
    """Parse an aware datetime; pg8000 parses `infinity` and years outside Python's range."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return converters.timestamptz_in(text)


def parse_date(text: str) -> Any:
    """Parse a date; pg8000 parses `infinity` and years outside Python's range."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return converters.date_in(text)


def array_parser(parse: Callable[[str], Any], general: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a parser for one-dimensional arrays.

    Args:
        parse: parses one element.
        general: parses arrays with several dimensions or explicit bounds.
    """

    def parse_array(text: str) -> Any:
        if not text.startswith("{") or "{" in text[1:]:
            return general(text)
        if '"' in text:
            return [_element(match, parse) for match in _ELEMENT.finditer(text, 1, len(text) - 1)]
        elements = text[1:-1].split(",") if text != "{}" else []
        return [None if element == "NULL" else parse(element) for element in elements]

    return parse_array


def _element(match: re.Match[str], parse: Callable[[str], Any]) -> Any:
    quoted, plain = match.groups()
    if quoted is not None:
        return parse(_ESCAPE.sub(r"\1", quoted) if "\\" in quoted else quoted)
    return None if plain == "NULL" else parse(plain)


PARSERS: dict[int, Callable[[str], Any]] = {
    converters.TIMESTAMPTZ: parse_timestamptz,
    converters.DATE: parse_date,
    converters.TEXT_ARRAY: array_parser(str, converters.string_array_in),
    converters.VARCHAR_ARRAY: array_parser(str, converters.string_array_in),
    converters.INTEGER_ARRAY: array_parser(int, converters.int_array_in),
    converters.BIGINT_ARRAY: array_parser(int, converters.int_array_in),
    converters.UUID_ARRAY: array_parser(converters.uuid_in, converters.uuid_array_in),
    converters.TIMESTAMPTZ_ARRAY: array_parser(parse_timestamptz, converters.timestamptz_array_in),
}
