"""Where the vendors answer.

A deployed function talks to the addresses below and nothing it reads from its environment can move them. On one machine
`local/bootstrap.py` calls `use()` before anything else is imported, so that the same clients talk to stand-ins.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs of the vendors, without a trailing slash, and the names of those that are stand-ins."""

    twitterapi_url: str = "https://api.twitterapi.io"
    gemini_url: str = "https://generativelanguage.googleapis.com"
    clerk_api_url: str = "https://api.clerk.com/v1"
    clerk_frontend_url: str | None = None
    """Where the JWKS is read; None: the Frontend API host that the publishable key names."""
    brightdata_url: str = "https://api.brightdata.com"
    youtube_data_url: str = "https://www.googleapis.com/youtube/v3"
    youtube_proxy_url: str | None = None
    """A proxy that plays YouTube's hosts itself, with certificates that nobody has signed; None: the real ones."""
    media_gateway_url: str | None = None
    """Where the files of posts that came from a stand-in are served, as `<gateway>/<host>/<path>?<query>`."""
    stand_ins: frozenset[str] = frozenset()

    def is_stand_in(self, vendor: str) -> bool:
        """Whether `vendor` (twitterapi, brightdata, youtube, supabase, gemini or clerk) is played by a stand-in."""
        return vendor in self.stand_ins


_current = Endpoints()


def current() -> Endpoints:
    """Return the endpoints of this process."""
    return _current


def use(endpoints: Endpoints) -> None:
    """Replace the endpoints of this process; for `local/` and tests only."""
    global _current  # noqa: PLW0603 - one process, one set of addresses
    _current = endpoints
