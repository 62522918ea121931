"""Which IP addresses a photo may be fetched from: those of the public Internet and no others.

An address counts, not a name: a name is anybody's to point at 127.0.0.1, and to point elsewhere the next second. The table
is written out, since what `ipaddress` calls global has changed between Python's releases. Sources: the IANA registries of
special-purpose IPv4 and IPv6 addresses (RFC 6890 and its updates), and the clouds' pages on their metadata services.
"""

import ipaddress

_NOT_PUBLIC_4 = {
    ipaddress.IPv4Network(network): what
    for network, what in {
        "0.0.0.0/8": "this host",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared by a carrier's customers",
        "127.0.0.0/8": "loopback",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved for protocols",
        "192.0.2.0/24": "for documentation",
        "192.88.99.0/24": "a 6to4 relay",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "for benchmarks",
        "198.51.100.0/24": "for documentation",
        "203.0.113.0/24": "for documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }.items()
}

_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = {
    ipaddress.IPv6Network(network): what
    for network, what in {
        "2001::/23": "reserved for protocols (Teredo among them)",
        "2001:db8::/32": "for documentation",
        "2002::/16": "an IPv4 address inside 6to4",
        "3fff::/20": "for documentation",
    }.items()
}

_NEVER = {
    ipaddress.ip_network(network): what
    for network, what in {
        "169.254.0.0/16": "link-local, where clouds keep their metadata",
        "100.100.100.200/32": "a cloud's metadata",
        "168.63.129.16/32": "a cloud's wire server",
        "192.0.0.192/32": "a cloud's metadata",
        "fe80::/10": "link-local",
        "fd00:ec2::/32": "a cloud's metadata",
        "fd20:ce::/32": "a cloud's metadata",
        "0.0.0.0/8": "this host",
        "224.0.0.0/4": "multicast",
        "ff00::/8": "multicast",
    }.items()
}
"""Refused even of a host that may be private."""


def why_refused(address: str, private: bool = False) -> str | None:
    """Return why nothing is fetched from an address, in words; None where it may be.

    Args:
        address: IPv4 or IPv6 as `getpeername` writes it; a zone (`%eth0`) is ignored.
        private: the host was named as one of our own network: all but link-local, metadata and multicast is allowed.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    for network, what in _NEVER.items():
        if any(each.version == network.version and each in network for each in (ip, mapped) if each is not None):
            return what
    if private:
        return None
    if isinstance(ip, ipaddress.IPv4Address):
        return next((what for network, what in _NOT_PUBLIC_4.items() if ip in network), None)
    if mapped is not None:
        return "an IPv4 address inside IPv6"
    if ip not in _PUBLIC_6:
        return "not of the public Internet (local, reserved, or an IPv4 address inside NAT64)"
    return next((what for network, what in _NOT_PUBLIC_6.items() if ip in network), None)
