"""The net under our logs: what looks like a secret or an address is hidden, wherever in a line it stands.

What a log line is given is chosen where it is written, and none is given a secret. This is for the mistakes: a URL with
a key in an error's message, an address in a name that a vendor chose.
"""

import re
from collections.abc import Mapping, Sequence

HIDDEN = "[hidden]"
_SHORTEST_SECRET = 12
"""Shorter settings, such as `stand-in`, are words that a line may need."""

_secrets: set[str] = set()

_TELLING_NAME = re.compile(r"authorization|cookie|password|secret|token|api_?key|db_url", re.IGNORECASE)
# Each is linear in the length of a line: what is repeated is bounded, or ends where the next part begins.
_SECRETS = re.compile(
    r"""
    \bpostgres(?:ql)?(?:\+\w+)?://\S+                                       # a database with all that opens it
    | (?<=://)[^\s/@"'<>]{1,500}@                                           # user and password in front of a host
    | \beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?                                   # JSON web tokens
    | \b(?:sk|rk)_(?:test|live)_\w+ | \bwhsec_[\w+/=-]+ | \bsb_secret_\w+   # Clerk, Standard Webhooks, Supabase
    | \bAIza[\w-]{20,} | \bsk-[\w-]{16,}                                    # Google, OpenAI and Anthropic
    | (?<=\bbearer\s)[\w.~+/=-]+ | (?<=\bbasic\s)[\w.~+/=-]+
    | (?<=[?&]key=)[^&\s"']+ | (?<=[?&]api_key=)[^&\s"']+ | (?<=[?&]token=)[^&\s"']+ | (?<=[?&]code=)[^&\s"']+
    | (?<=[?&]signature=)[^&\s"']+ | (?<=[?&]password=)[^&\s"']+ | (?<=[?&]secret=)[^&\s"']+
    | [^\s@"'`<>()\[\]{},;:|\\/=?&]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+   # e-mail addresses
    """,
    re.IGNORECASE | re.VERBOSE,
)


def hide(secret: str) -> None:
    """Hide this value in all lines from now on, whatever it looks like."""
    if len(secret) >= _SHORTEST_SECRET:
        _secrets.add(secret)


def redacted(text: str) -> str:
    """Return the text without secrets and e-mail addresses."""
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    return _SECRETS.sub(HIDDEN, text)


def redacted_values(value: object) -> object:
    """Return what JSON can hold, with every text in it redacted, and texts under a telling name hidden."""
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
    return HIDDEN if isinstance(value, str) and _TELLING_NAME.search(name) else redacted_values(value)
