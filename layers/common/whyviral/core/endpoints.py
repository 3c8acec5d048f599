"""The base URLs of the vendors.

A deployed function calls the addresses below, and no environment variable can change them. On one machine
`local/bootstrap.py` calls `use()` before it imports anything else, so that the same clients call stand-ins.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The base URLs of the vendors, without a trailing slash, and what else differs on one machine."""

    twitterapi_url: str = "https://api.twitterapi.io"
    gemini_url: str = "https://generativelanguage.googleapis.com"
    openai_url: str = "https://api.openai.com/v1"
    anthropic_url: str = "https://api.anthropic.com/v1"
    clerk_api_url: str = "https://api.clerk.com/v1"
    clerk_frontend_url: str | None = None
    """The host of the JWKS; None: the Frontend API host that the publishable key names."""
    brightdata_url: str = "https://api.brightdata.com"
    dodo_test_url: str = "https://test.dodopayments.com"
    dodo_live_url: str = "https://live.dodopayments.com"
    youtube_data_url: str = "https://www.googleapis.com/youtube/v3"
    youtube_proxy_url: str | None = None
    """A proxy that stands in for YouTube's hosts, with self-signed certificates; None: the real hosts."""
    media_gateway_url: str | None = None
    """The server of the media files of stand-ins' posts, at `<gateway>/<host>/<path>?<query>`; None: no stand-ins."""
    has_local_receivers: bool = False
    """Outgoing webhooks may also go to receivers on this machine, by HTTP on loopback."""
    stand_ins: frozenset[str] = frozenset()

    def is_stand_in(self, vendor: str) -> bool:
        """Whether a stand-in replaces `vendor`: a name of `Vendor` in `local/stand_ins`, such as clerk or gemini."""
        return vendor in self.stand_ins


_current = Endpoints()


def current() -> Endpoints:
    """Return the endpoints of this process."""
    return _current


def use(endpoints: Endpoints) -> None:
    """Replace the endpoints of this process; for `local/` and tests only."""
    global _current  # noqa: PLW0603 - one process, one set of addresses
    _current = endpoints
