"""Security headers that restrict how browsers use our responses. Source: OWASP, "HTTP Headers Cheat Sheet"."""

from collections.abc import Mapping

_ONE_YEAR_S = 31_536_000

SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": f"max-age={_ONE_YEAR_S}",
    "Referrer-Policy": "no-referrer",
    # Our responses are JSON: no browser may show them as a page, either in a frame or after guessing the wrong type.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""The defaults of every response; a route may set its own. Browsers ignore HSTS over plain HTTP, as on one machine."""
