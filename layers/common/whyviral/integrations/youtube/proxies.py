"""The proxy for requests to YouTube; its URL contains a password."""

import re

_PROXY_URL = re.compile(r"(https?|socks5h?)://[!-~]+")


def checked_proxy_url(url: str | None) -> str | None:
    """Return `url` if it can be a proxy's.

    Raises:
        ValueError: naming the setting, never showing it.
    """
    url = (url or "").strip() or None
    if url is not None and not _PROXY_URL.fullmatch(url):
        raise ValueError("YOUTUBE_PROXY_URL is not like http://name:password@host:port or socks5://host:port")
    return url
