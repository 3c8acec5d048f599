"""The filter for media URLs from vendors: only URLs on the platform's own media hosts are accepted."""

import re
from collections.abc import Sequence

_URL = re.compile(r"https://([A-Za-z0-9.-]{1,253})/[A-Za-z0-9/._~%!$&'()*+,;=:@?-]{0,2000}")


def allowed_media_url(url: str | None, *, domains: Sequence[str]) -> str | None:
    """Return `url` if it is an https URL on a subdomain of one of `domains`, else None.

    Args:
        url: the vendor's value, which is untrusted.
        domains: domains such as `twimg.com`.
    """
    # The pattern is strict because parsers disagree about user names, backslashes and ports.
    match = None if url is None else _URL.fullmatch(url)
    is_allowed = match is not None and match[1].lower().endswith(tuple(f".{name}" for name in domains))
    return url if is_allowed else None
