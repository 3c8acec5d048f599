"""An upper estimate of the tokens of a text, for budgets that must hold before any model counts."""

_BYTES_PER_TOKEN = 3
"""English has about four to a token. A character of Chinese or Japanese has three, and is about one token."""


def estimate_tokens(text: str) -> int:
    """Return about how many tokens the text has; rather too many than too few."""
    return -(-len(text.encode(errors="replace")) // _BYTES_PER_TOKEN)
