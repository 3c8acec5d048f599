"""A strict reader of web addresses: from hostile text to host, path and query, or a refusal.

It decodes, normalises and repairs nothing, because what it would repair is how a foreign host is disguised.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from .invalid_urls import InvalidPostUrl, InvalidUrlReason

MAX_URL_CHARACTERS = 2_048

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")
_DEFAULT_PORTS = {"https": "443", "http": "80"}
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MIN_PARTS = 4


class WebAddress(NamedTuple):
    """The parts of an http or https URL that tell which post it names."""

    host: str
    """In lower case."""
    parts: Sequence[str]
    """The path between its slashes, padded with empty parts so that a missing one reads as an empty one."""
    query: str


def read_web_address(text: str) -> WebAddress:
    """Split a URL that may have blanks around it and may lack its scheme.

    Raises:
        InvalidPostUrl: the text is no URL, or one whose authority is anything but a plain host name.
    """
    text = text.strip(" \t\r\n")
    if not text or len(text) > MAX_URL_CHARACTERS or any(map(_is_forbidden, text)):
        raise InvalidPostUrl(InvalidUrlReason.NOT_A_URL)
    scheme, rest = _split_scheme(text)
    before_query, _, query = rest.partition("#")[0].partition("?")
    authority, _, path = before_query.partition("/")
    host = _read_host(authority, default_port=_DEFAULT_PORTS[scheme])
    parts = path.split("/")
    return WebAddress(host, parts + [""] * (_MIN_PARTS - len(parts)), query)


def _is_forbidden(character: str) -> bool:
    return character == "\\" or character.isspace() or unicodedata.category(character) in {"Cc", "Cs"}


def _split_scheme(text: str) -> tuple[str, str]:
    """Return the scheme, https where none is written, and what follows it."""
    match = _SCHEME.match(text)
    # A dot before a colon without slashes is a host with its port, as in x.com:443/…
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
    """Refuse a bare word or path; what only looks like a host is refused later, for a better reason."""
    if start.isascii() and not any(mark in start for mark in ".["):
        raise InvalidPostUrl(InvalidUrlReason.NOT_A_URL)


def _read_host(authority: str, *, default_port: str) -> str:
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
