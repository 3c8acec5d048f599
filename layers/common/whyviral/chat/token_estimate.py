"""An upper estimate of the tokens of a text, for budgets that must hold before any model counts."""

_BYTES_PER_TOKEN = 3
"""English has about four bytes to a token, and a character of Chinese or Japanese is three bytes and about one token."""


def estimate_tokens(text: str) -> int:
    """Return about how many tokens the text has; rather too many than too few."""
    return -(-len(text.encode(errors="replace")) // _BYTES_PER_TOKEN)
