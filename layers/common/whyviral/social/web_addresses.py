"""A strict parser of web addresses: splits untrusted text into host, path and query, or rejects it.

It decodes, normalises and repairs nothing inside the address, because a foreign host can be disguised as a damaged
known one. Invisible characters are removed at both ends only.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from whyviral.integrations.http.vendor_text import is_invisible

from .invalid_urls import InvalidPostUrl, InvalidUrlReason

MAX_URL_CHARACTERS = 2_048

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")
_DEFAULT_PORTS = {"https": "443", "http": "80"}
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MIN_PARTS = 4
_NEVER_IN_A_HOST = frozenset("()<>{}|^\"'`,;*!$ ")
"""Characters of the text around an address, such as Markdown."""
_SCHEMES_AS_HOSTS = frozenset({"http", "https", "http:", "https:"})


class WebAddress(NamedTuple):
    """The parts of an http or https URL that identify a post."""

    host: str
    """The host name in lower case."""
    parts: Sequence[str]
    """The segments of the path, without leading empty ones, padded at the end with empty ones."""
    query: str
    fragment: str


def read_web_address(text: str) -> WebAddress:
    """Split a URL, which may be surrounded by whitespace or invisible characters and may lack a scheme.

    Raises:
        InvalidPostUrl: the text is not a URL, or its authority is more than a plain host name.
    """
    text = _without_invisible_ends(text)
    if not text or len(text) > MAX_URL_CHARACTERS or any(map(_is_forbidden, text)):
        raise InvalidPostUrl(InvalidUrlReason.NOT_A_URL)
    scheme, rest = _split_scheme(text)
    before_fragment, _, fragment = rest.partition("#")
    before_query, _, query = before_fragment.partition("?")
    authority, _, path = before_query.partition("/")
    host = _read_host(authority, default_port=_DEFAULT_PORTS[scheme])
    parts = path.lstrip("/").split("/")
    return WebAddress(host, parts + [""] * (_MIN_PARTS - len(parts)), query, fragment)


def _without_invisible_ends(text: str) -> str:
    text = text.strip(" \t\r\n\u00a0\u200b\u3000\ufeff")
    if len(text) > 2 * MAX_URL_CHARACTERS:
        return text  # too long in any case
    start, end = 0, len(text)
    while start < end and _is_invisible_end(text[start]):
        start += 1
    while start < end and _is_invisible_end(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_invisible_end(character: str) -> bool:
    """Return whether a character is invisible; of the control characters only tabs and line breaks count."""
    return character in "\t\r\n" or (is_invisible(character) and unicodedata.category(character) != "Cc")


def _is_forbidden(character: str) -> bool:
    return character == "\\" or character.isspace() or unicodedata.category(character) in {"Cc", "Cs"}


def _split_scheme(text: str) -> tuple[str, str]:
    """Return the scheme, by default https, and the rest of the URL."""
    match = _SCHEME.match(text)
    # Text with a dot before a colon without slashes is a host with its port, as in x.com:443/…
    if match is None or ("." in match[1] and not match[2]):
        _require_host_name(re.split("[/?#]", text, maxsplit=1)[0])
        return "https", text
    scheme = match[1].lower()
    if scheme not in _DEFAULT_PORTS:
        raise InvalidPostUrl(InvalidUrlReason.UNSUPPORTED_SCHEME)
    if not match[2]:
        raise InvalidPostUrl(InvalidUrlReason.NOT_A_URL)
    return scheme, text[match.end() :]


def _require_host_name(start: str) -> None:
    """Reject a bare word or path; a start that only resembles a host is rejected later, with a better reason."""
    if start.isascii() and not any(mark in start for mark in ".["):
        raise InvalidPostUrl(InvalidUrlReason.NOT_A_URL)


def _read_host(authority: str, *, default_port: str) -> str:
    if authority.lower() in _SCHEMES_AS_HOSTS or not _NEVER_IN_A_HOST.isdisjoint(authority) or "](" in authority:
        raise InvalidPostUrl(InvalidUrlReason.NOT_A_URL)
    _, at, host_and_port = authority.rpartition("@")
    if host_and_port.startswith("["):
        host, _, port = host_and_port.partition("]")
    else:
        host, colon, digits = host_and_port.partition(":")
        port = colon + digits
    if not host:
        raise InvalidPostUrl(InvalidUrlReason.NOT_A_URL)
    if at:
        raise InvalidPostUrl(InvalidUrlReason.USERINFO)
    if port not in {"", f":{default_port}"}:
        raise InvalidPostUrl(InvalidUrlReason.BAD_PORT)
    return _plain_host(host)


def _plain_host(host: str) -> str:
    if host.startswith("["):
        raise InvalidPostUrl(InvalidUrlReason.IP_HOST)
    # Never NFKC, and never lower() before this: both turn foreign letters (full-width, the Kelvin sign) into ASCII.
    if not host.isascii():
        raise InvalidPostUrl(InvalidUrlReason.NON_ASCII_HOST)
    host = host.lower()
    labels = host.split(".")
    if any(label.startswith("xn--") for label in labels):
        raise InvalidPostUrl(InvalidUrlReason.NON_ASCII_HOST)
    if all(map(_NUMERIC_LABEL.fullmatch, labels)):
        raise InvalidPostUrl(InvalidUrlReason.IP_HOST)
    return host
