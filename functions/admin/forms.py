"""Protection of forms against other sites: the origin of the page, and the token of the session."""

import secrets

from starlette.requests import Request

from .services import administrator_of, form_of

TOKEN_FIELD = "csrf_token"  # noqa: S105 - the name of a field
_OWN_SITE = (None, "same-origin")


def has_own_origin(request: Request) -> bool:
    """Return whether the browser says that a page of ours sent the form. Browsers send `Origin` with every form."""
    own = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    return request.headers.get("origin") == own and request.headers.get("sec-fetch-site") in _OWN_SITE


def has_token(request: Request) -> bool:
    """Return whether the form contains the token of the administrator's session."""
    sent, own = form_of(request).get(TOKEN_FIELD, ""), administrator_of(request).session.csrf_token
    return secrets.compare_digest(sent.encode(), own.encode())
