"""The network of a client, which is the key that rate limits count by."""

from ipaddress import IPv6Address, ip_address, ip_network

UNKNOWN_NETWORK = "unknown"
_IPV6_PREFIX = 64
"""The smallest block that one subscriber gets, who can use any address in it. Source: RFC 6177, section 2."""


def network_of(address: str | None) -> str:
    """Return an IPv4 address unchanged, the /64 of an IPv6 address, and `UNKNOWN_NETWORK` for any other text."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return UNKNOWN_NETWORK
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed, _IPV6_PREFIX), strict=False))
