"""Codes of languages, as platforms and captions give them."""

from whyviral.integrations.language_tags import read_language_tag


def language_code(claimed: str | None) -> str | None:
    """Return the language's tag in today's form, or None if the claim names no language."""
    return read_language_tag(claimed)
