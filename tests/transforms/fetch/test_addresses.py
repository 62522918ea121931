"""Only the public Internet is public."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.fetch.addresses import why_refused

PUBLIC = ("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255")
PUBLIC += ("172.32.0.0", "192.0.1.0", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "34.64.0.1")
PUBLIC += ("2001:4860:4860::8888", "2606:4700::1111", "2a00:1450:4001::64", "2400:cb00::1")

REFUSED = ("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "100.100.100.200", "127.0.0.1")
REFUSED += ("127.255.255.254", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192")
REFUSED += ("192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1")
REFUSED += ("240.0.0.1", "255.255.255.255", "168.63.129.16")
REFUSED += ("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1", "fec0::1")
REFUSED += ("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::7f00:1")
REFUSED += (
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_read(address: str) -> None:
    assert why_refused(address) is None


@pytest.mark.parametrize("address", REFUSED)
def test_all_others_are_refused(address: str) -> None:
    assert why_refused(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
    ],
)
def test_metadata_is_refused_even_of_a_private_host(address: str) -> None:
    assert why_refused(address, private=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fd12::1"])
def test_a_private_host_may_be_private(address: str) -> None:
    assert why_refused(address, private=True) is None


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_called_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if why_refused(str(ip)) is None:
        assert not (ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_reserved)
