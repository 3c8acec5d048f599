"""Redaction of log lines: hides text that looks like a secret or an e-mail address, anywhere in a line.

No code logs a secret on purpose. Redaction is the safety net for mistakes, such as a URL with a key in an error message
or an e-mail address in a name that a vendor chose.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

HIDDEN = "[hidden]"
_MIN_SECRET_LENGTH = 12
"""Shorter settings, such as `stand-in`, are ordinary words that a log line may contain."""

_MAX_CACHED_CHARS = 48
"""Most short text in log lines repeats: names of fields, levels, methods, routes."""

_secrets: set[str] = set()

_SENSITIVE_NAME = re.compile(r"authorization|cookie|password|secret|token|api_?key|db_url", re.IGNORECASE)
# Each pattern takes time linear in the length of a line: a repetition is bounded, or ends where the next part begins.
_SECRETS = re.compile(
    r"""
    \bpostgres(?:ql)?(?:\+\w+)?://\S+                                       # database URLs with their passwords
    | (?<=://)[^\s/@"'<>]{1,500}@                                           # user and password in front of a host
    | \beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?                                   # JSON web tokens
    | \b(?:sk|rk)_(?:test|live)_\w+ | \bwhsec_[\w+/=-]+ | \bsb_secret_\w+   # Clerk, Standard Webhooks, Supabase
    | \bak_[\w-]{8,}                                                        # API keys of Clerk's
    | \bAIza[\w-]{20,} | \bsk-[\w-]{16,}                                    # Google, OpenAI and Anthropic
    | (?<=\bbearer\s)[\w.~+/=-]+ | (?<=\bbasic\s)[\w.~+/=-]+
    | (?<=[?&]key=)[^&\s"']+ | (?<=[?&]api_key=)[^&\s"']+ | (?<=[?&]token=)[^&\s"']+ | (?<=[?&]code=)[^&\s"']+
    | (?<=[?&]signature=)[^&\s"']+ | (?<=[?&]password=)[^&\s"']+ | (?<=[?&]secret=)[^&\s"']+
    | [^\s@"'`<>()\[\]{},;:|\\/=?&]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+   # e-mail addresses
    """,
    re.IGNORECASE | re.VERBOSE,
)


def hide(secret: str) -> None:
    """Hide this value in all later log lines, even if it does not look like a secret."""
    if len(secret) >= _MIN_SECRET_LENGTH:
        _secrets.add(secret)
        _redacted_short.cache_clear()


def redacted(text: str) -> str:
    """Return the text without secrets and e-mail addresses."""
    return _redacted_short(text) if len(text) <= _MAX_CACHED_CHARS else _replace_secrets(text)


@lru_cache(maxsize=1024)
def _redacted_short(text: str) -> str:
    return _replace_secrets(text)


def _replace_secrets(text: str) -> str:
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    return _SECRETS.sub(HIDDEN, text)


def redacted_values(value: object) -> object:
    """Return a JSON value with all text redacted; text under a sensitive name, such as `authorization`, is hidden."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redacted(value)
        case Mapping():
            return {redacted(str(name)): _under(str(name), each) for name, each in value.items()}
        case Sequence() | set() | frozenset():
            return [redacted_values(each) for each in value]
    return redacted(str(value))


def _under(name: str, value: object) -> object:
    return HIDDEN if isinstance(value, str) and _is_sensitive(name) else redacted_values(value)


@lru_cache(maxsize=1024)
def _is_sensitive(name: str) -> bool:
    return _SENSITIVE_NAME.search(name) is not None
