"""Headers that tell browsers how little to do with our answers. Source: OWASP, "HTTP Headers Cheat Sheet"."""

from collections.abc import Mapping

_ONE_YEAR_S = 31_536_000

SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": f"max-age={_ONE_YEAR_S}",
    "Referrer-Policy": "no-referrer",
    # For JSON, of which a page can be made neither by a frame nor by a wrongly guessed type.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Of every answer that does not set one of them itself. Browsers ignore HSTS over plain HTTP, as on one machine."""
