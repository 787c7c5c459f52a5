"""Whose address a request comes from, as far as it can be believed. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAPPED_BITS = 96
"""Before the address of IPv4 in one of IPv6."""

NOBODY = "unknown"
"""The subject of a request that came through a socket without addresses."""


def networks(cidrs: Iterable[str]) -> tuple[Network, ...]:
    """Read CIDRs, which their document has checked."""
    return tuple(_plain(ip_network(each)) for each in cidrs)


def _plain(network: Network) -> Network:
    """Give a network of IPv4 as one, also where it is written as IPv6, as `parse` does addresses."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - MAPPED_BITS))


def is_in(address: Address | None, among: Sequence[Network]) -> bool:
    """Tell whether one of the networks has the address."""
    return address is not None and any(address in each for each in among)


def parse(text: str) -> Address | None:
    """Read an address as a server or proxy writes it, perhaps with a port; None where it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def client(peer: str, forwarded: str, trusted: Sequence[Network]) -> Address | None:
    """Give the client's address: the last that someone who is trusted has seen.

    `forwarded` are all fields X-Forwarded-For, in order. Each proxy adds at the right whom it saw, so
    it is read from there; what is left of the first who is not trusted may be invented.
    """
    seen = parse(peer)
    for text in reversed(forwarded.split(",") if forwarded else ()):
        if not is_in(seen, trusted):
            break
        told = parse(text)
        if told is None:
            break
        seen = told
    return seen


def subject(address: Address | None) -> str:
    """Name whom a limit by address counts together; of IPv6, a network that one customer has."""
    if address is None:
        return NOBODY
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))
