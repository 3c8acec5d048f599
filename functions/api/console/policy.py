"""The content security policies of the console's pages, built from the settings."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from functions.api.settings import ApiSettings
from whyviral.core import endpoints
from whyviral.integrations.clerk.session_tokens import frontend_host

type Sources = Mapping[str, Sequence[str]]

_SELF = "'self'"
_BASE: Sources = {
    "default-src": ("'none'",),
    "script-src": (_SELF,),
    "style-src": (_SELF,),
    "font-src": (_SELF,),
    "img-src": (_SELF,),
    "media-src": (_SELF,),
    "connect-src": (_SELF,),
    "base-uri": ("'none'",),
    "form-action": ("'none'",),
    "frame-ancestors": ("'none'",),
}
_CLERK_PROTECTION = "https://*.protect.clerk.com"
_CLERK_PROTECTION_ANY_PORT = "https://*.protect.clerk.com:*"
_CLOUDFLARE = "https://challenges.cloudflare.com"


def clerk_host(settings: ApiSettings) -> str | None:
    """Return the host of Clerk's script; None if a stand-in replaces Clerk, so that links with a token sign in."""
    if endpoints.current().is_stand_in("clerk"):
        return None
    return frontend_host(settings.clerk_publishable_key)


def realtime_url(settings: ApiSettings) -> str | None:
    """Return the address of Supabase Realtime's websocket; None if it is not used.

    Source: supabase.com/docs/guides/realtime/protocol (2026-11-28).
    """
    if not settings.supabase_publishable_key:
        return None
    project = urlsplit(_origin(str(settings.supabase_url)))
    scheme = {"https": "wss", "http": "ws"}[project.scheme]
    return f"{scheme}://{project.netloc}/realtime/v1/websocket"


def console_policy(settings: ApiSettings) -> str:
    """Return the policy of the console: our files, Storage's media, Realtime, and Clerk, which renews the token."""
    added, connected = _media(settings), []
    if (host := clerk_host(settings)) is not None:
        added["script-src"] = (f"https://{host}",)
        connected += [f"https://{host}", _CLERK_PROTECTION_ANY_PORT]
    if (realtime := realtime_url(settings)) is not None:
        connected.append(_origin(realtime))
    return _render(added | {"connect-src": tuple(connected)})


def shared_policy(settings: ApiSettings) -> str:
    """Return the policy of the page of share links: our own files and Storage's media."""
    return _render(_media(settings))


def sign_in_policy(host: str) -> str:
    """Return the policy of the page on which Clerk's form signs users in.

    Source: clerk.com/docs/security/clerk-csp (2026-11-28).
    """
    clerk = f"https://{host}"
    return _render(
        {
            "script-src": (clerk, _CLOUDFLARE, _CLERK_PROTECTION),
            "connect-src": (clerk, _CLERK_PROTECTION_ANY_PORT),
            "img-src": ("https://img.clerk.com",),
            "style-src": ("'unsafe-inline'",),
            "worker-src": (_SELF, "blob:"),
            "frame-src": (_CLOUDFLARE, _CLERK_PROTECTION),
            "form-action": (_SELF,),
        }
    )


def _media(settings: ApiSettings) -> dict[str, tuple[str, ...]]:
    # Links that were made before MEDIA_BASE_URL was set lead to Storage.
    addresses = (settings.supabase_url, settings.media_base_url)
    sources = tuple(dict.fromkeys(_origin(str(url)) for url in addresses if url is not None))
    return {"img-src": sources, "media-src": sources}


def _render(added: Sources) -> str:
    merged = {name: [*_BASE.get(name, ()), *added.get(name, ())] for name in (*_BASE, *(added.keys() - _BASE.keys()))}
    merged["form-action"] = list(added.get("form-action", _BASE["form-action"]))
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in sorted(merged.items()))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
