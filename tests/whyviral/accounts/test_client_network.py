import pytest

from whyviral.accounts.client_network import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        (None, "unknown"),
        ("", "unknown"),
        ("testclient", "unknown"),
        ("192.0.2.1:80", "unknown"),
    ],
)
def test_a_client_is_identified_by_its_ipv4_address_or_ipv6_64_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
