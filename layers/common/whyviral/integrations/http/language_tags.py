"""Language tags: normalisation of the platforms' tags to BCP 47, and a distance between two tags."""

import re

_TAG = re.compile(r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|[0-9]{3}))?(?=-|\Z)")
"""The groups are language, script and region."""
_NO_LANGUAGE = re.compile(r"q[a-t][a-z]|und|zxx|mul|mis|art")
"""Codes for "no language", such as X's `qme`. Source: ISO 639-2, special and local codes."""
_WITHDRAWN = {"in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro"}
"""Source: IANA language subtag registry, subtags marked as deprecated with a preferred value."""
_MACROLANGUAGES = {"nb": "no", "nn": "no", "cmn": "zh"}
_CHINESE_SCRIPTS = {"CN": "Hans", "SG": "Hans", "TW": "Hant", "HK": "Hant", "MO": "Hant"}


def read_language_tag(text: str | None) -> str | None:
    """Return the BCP 47 tag for `text`, such as `id` for the old code `in`; None if it names no language."""
    tag = (text or "").strip().replace("_", "-")
    match = _TAG.match(tag)
    return _canonical(match) if match and match.end() == len(tag) else None


def find_language_tag(name: str | None) -> str | None:
    """Return the tag at the start of `name`, because YouTube may append an id to a track's language."""
    match = _TAG.match((name or "").strip().replace("_", "-"))
    return _canonical(match) if match else None


def _canonical(match: re.Match[str]) -> str | None:
    language = match[1].lower()
    if _NO_LANGUAGE.fullmatch(language):
        return None
    script, region = (match[2] or "").capitalize(), (match[3] or "").upper()
    return "-".join(filter(None, (_WITHDRAWN.get(language, language), script, region)))


def language_distance(one: str, other: str) -> int | None:
    """Return the distance between two tags.

    The distance is 0 for equal tags, 1 if one tag is more specific than the other, 2 for variants such as pt-BR and
    pt-PT, and None for different languages.

    Args:
        one: a tag in the format of `read_language_tag`.
        other: a tag in the same format.
    """
    parts, other_parts = _parts(one), _parts(other)
    if parts[0] != other_parts[0]:
        return None
    if one == other:
        return 0
    subtags, other_subtags = set(parts), set(other_parts)
    return 1 if subtags <= other_subtags or other_subtags <= subtags else 2


def _parts(tag: str) -> list[str]:
    language, *rest = tag.split("-")
    language = _MACROLANGUAGES.get(language, language)
    # A Chinese region implies a script, such as traditional characters in Taiwan, and the script matters more for text.
    scripts = [_CHINESE_SCRIPTS.get(part, part) for part in rest] if language == "zh" else rest
    return [language, *scripts]
