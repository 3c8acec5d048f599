"""Which host names a deployable serves."""

from collections.abc import Sequence


def is_allowed_host(host: str, allowed_hosts: Sequence[str]) -> bool:
    """Return whether a `Host` header names a served host, in lower case; `*.example.com` matches each subdomain."""
    host = host.lower()
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return any(
        name == allowed or (allowed.startswith("*.") and name.endswith(allowed[1:])) or allowed == "*"
        for allowed in allowed_hosts
    )
