"""Where a request comes from, and whose requests are counted together."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

from reference_app.settings import Network

HOUSEHOLD_BITS = 64  # what a provider gives to one household at least: it has 2**64 addresses to send from


def address_of(connection: HTTPConnection) -> str | None:
    """The client's: behind a proxy that is trusted, the one that it tells."""
    return connection.client.host if connection.client else None


@lru_cache(maxsize=4096)
def network_of(address: str, unlimited: tuple[Network, ...]) -> str | None:
    """An address as it is counted, of IPv6 its network. None for those that are not counted."""
    try:
        found = ip_address(address)
    except ValueError:  # a Unix socket's, say
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if any(found in network for network in unlimited):
        return None
    return str(found) if found.version == 4 else str(ip_network((found, HOUSEHOLD_BITS), strict=False))
