"""The content security policies of the panel, built from the settings: no script runs but the one that signs in."""

from whyviral.core import endpoints
from whyviral.integrations.clerk.session_tokens import frontend_host

_CLERK_PROTECTION = "https://*.protect.clerk.com"
_CLERK_PROTECTION_ANY_PORT = "https://*.protect.clerk.com:*"
_CLOUDFLARE = "https://challenges.cloudflare.com"
_BASE = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "img-src": "data:",
}
PAGE_POLICY = "; ".join(f"{name} {sources}" for name, sources in (_BASE | {"style-src": "'self'"}).items())
"""The policy of every page behind the sign-in: one stylesheet of our own, and no script at all."""


def clerk_host(publishable_key: str) -> str | None:
    """Return the host of Clerk's script; None if a stand-in replaces Clerk, so that links with a token sign in."""
    if endpoints.current().is_stand_in("clerk"):
        return None
    return frontend_host(publishable_key)


def sign_in_policy(host: str | None, nonce: str) -> str:
    """Return the policy of the sign-in page: its own script, and where it is real, Clerk's form.

    Source: clerk.com/docs/security/clerk-csp (2026-11-28).
    """
    own = f"'nonce-{nonce}'"
    if host is None:
        directives = _BASE | {"script-src": own, "style-src": own}
    else:
        clerk = f"https://{host}"
        directives = _BASE | {
            "script-src": f"{own} {clerk} {_CLOUDFLARE} {_CLERK_PROTECTION}",
            # Clerk's form styles itself inline, and a nonce would switch that off.
            "style-src": "'unsafe-inline'",
            "connect-src": f"{clerk} {_CLERK_PROTECTION_ANY_PORT}",
            "img-src": "data: https://img.clerk.com",
            "worker-src": "'self' blob:",
            "frame-src": f"{_CLOUDFLARE} {_CLERK_PROTECTION}",
        }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())
