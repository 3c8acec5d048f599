"""The database URL: its validation, and the TLS context that verifies its server."""

import re
import ssl
from functools import cache

_FORM = "postgresql://user:password@host:port/database"
_URL = re.compile(
    r"postgres(?:ql)?://(?P<user>[^:@/?#\s]+)(?::(?P<password>[^@/?#\s\[\]]*))?"
    r"@(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/(?P<database>[^/?#\s]+)(?:\?\S*)?"
)
_QUOTES = ("'", '"', "`")
_PLACEHOLDER = re.compile(r"\[[A-Z-]+\]")
_ENCODED = {"@": "%40", "/": "%2F", "?": "%3F", "#": "%23", "[": "%5B", "]": "%5D"}


class InvalidDatabaseUrl(ValueError):
    """The database URL cannot work; the message says why without quoting it."""


def check_database_url(url: str) -> None:
    """Check that a URL can work.

    Raises:
        InvalidDatabaseUrl: it cannot; the message says what to change.
    """
    if _URL.fullmatch(url) is None:
        raise InvalidDatabaseUrl(_problem(url))


def _problem(url: str) -> str:
    if url != url.strip():
        return "remove the blank or line break at its start or end"
    if url.startswith(_QUOTES) or url.endswith(_QUOTES):
        return "remove the quotes around it"
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgresql", "postgres"}:
        return f"it must look like {_FORM}, without jdbc: and not for another kind of database"
    if _PLACEHOLDER.search(rest):
        return "put the real password in place of the placeholder in brackets"
    return _problem_after_scheme(rest)


def _problem_after_scheme(rest: str) -> str:
    credentials, at, place = rest.rpartition("@")
    if not at:
        return f"the user is missing; it must look like {_FORM}"
    password = credentials.partition(":")[2]
    for character, encoded in _ENCODED.items():
        if character in password:
            return f"write {character} in the password as {encoded}"
    if any(character.isspace() for character in rest):
        return "it must not contain blanks; write one in the password as %20"
    if not place.partition("/")[2]:
        return f"the database is missing at its end, such as /postgres; it must look like {_FORM}"
    return f"it must look like {_FORM}"


@cache
def verified_tls(root_certificate: str | None) -> ssl.SSLContext:
    """Return a TLS context that verifies the server's chain and host name; cached, because it takes 25 ms to make.

    Args:
        root_certificate: the PEM file of the only root to trust; None: the system's roots.

    Raises:
        InvalidDatabaseUrl: the file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=root_certificate)
    except OSError as exc:  # ssl.SSLError, for a file that is not PEM, is an OSError
        raise InvalidDatabaseUrl(f"sslrootcert names no PEM file that can be read ({type(exc).__name__})") from exc
    if root_certificate is not None:
        # Python 3.13 asks every CA certificate for a keyUsage extension, which Supabase's intermediate lacks. Without
        # this flag, chain and host name are verified as before. Source: docs.python.org, "ssl.create_default_context".
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
