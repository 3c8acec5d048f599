"""Instagram's post ids: a number, which the post's URL contains in base 64."""

import re

_LARGEST_ID = 2**63 - 1
_CODE = re.compile(r"[A-Za-z0-9_-]{1,11}")
_VALUES = {
    digit: value for value, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
}


def media_id_of(shortcode: str) -> int | None:
    """Return the number that a shortcode encodes, or None if it is not base 64 of at most 63 bits.

    Source: yt-dlp 2026.10.26, extractor/instagram.py.
    """
    if not _CODE.fullmatch(shortcode):
        return None
    media_id = 0
    for digit in shortcode:
        media_id = media_id * 64 + _VALUES[digit]
    return media_id if 0 < media_id <= _LARGEST_ID else None


def shortcode_of(media_id: int) -> str | None:
    """Return the shortcode of a number, or None if no post can have it."""
    if not 0 < media_id <= _LARGEST_ID:
        return None
    digits, code = "".join(_VALUES), ""
    while media_id:
        media_id, digit = divmod(media_id, 64)
        code = digits[digit] + code
    return code
