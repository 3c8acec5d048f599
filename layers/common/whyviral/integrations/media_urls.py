"""Which addresses of media we take from a vendor: those on the platform's own media hosts and nowhere else."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

_URL = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?/[A-Za-z0-9/._~%!$&'()*+,;=:@?-]{0,2000}")
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost"})


def allowed_media_url(url: str | None, *, domains: Sequence[str], may_use_loopback: bool = False) -> str | None:
    """Return `url` if it leads to a host below one of `domains` by https, else None.

    Args:
        url: what a vendor says; hostile until checked.
        domains: such as `twimg.com`.
        may_use_loopback: whether this machine will do as well, by http and on any port; for stand-ins only.
    """
    # The strict pattern comes first: user names, backslashes and odd ports are read differently by different parsers.
    if url is None or not _URL.fullmatch(url):
        return None
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme == "https" and ":" not in parts.netloc and host.endswith(tuple(f".{name}" for name in domains)):
        return url
    return url if may_use_loopback and host in _LOOPBACK_HOSTS else None
