"""The network that a client calls from, as far as rate limits tell clients apart."""

from ipaddress import IPv6Address, ip_address, ip_network

UNKNOWN_NETWORK = "unknown"
_IPV6_PREFIX = 64
"""What one subscriber gets at least, so that addresses within it cost nothing. Source: RFC 6177, section 2."""


def network_of(address: str | None) -> str:
    """Return an IPv4 address as it is, an IPv6 address as its /64, and one name for all that is neither."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return UNKNOWN_NETWORK
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed, _IPV6_PREFIX), strict=False))
