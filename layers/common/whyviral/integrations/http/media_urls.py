"""Which addresses of media we take from a vendor: those on the platform's own media hosts and nowhere else."""

import re
from collections.abc import Sequence

_URL = re.compile(r"https://([A-Za-z0-9.-]{1,253})/[A-Za-z0-9/._~%!$&'()*+,;=:@?-]{0,2000}")


def allowed_media_url(url: str | None, *, domains: Sequence[str]) -> str | None:
    """Return `url` if it leads to a host below one of `domains` by https, else None.

    Args:
        url: what a vendor says; hostile until checked.
        domains: such as `twimg.com`.
    """
    # The strict pattern: user names, backslashes and odd ports are read differently by different parsers.
    match = None if url is None else _URL.fullmatch(url)
    is_allowed = match is not None and match[1].lower().endswith(tuple(f".{name}" for name in domains))
    return url if is_allowed else None
