"""What theory says of single queues and of bounds. Rates are per second, times seconds; rho is a utilisation."""

from collections.abc import Sequence
from math import log


def mm1_response_s(arrivals_per_s: float, service_s: float) -> float:
    """Mean response of M/M/1: S / (1 - rho) (Kleinrock 1975, eq. 3.26)."""
    return service_s / (1 - _rho(arrivals_per_s, service_s, 1))


def mm1_response_percentile_s(arrivals_per_s: float, service_s: float, percentile: float) -> float:
    """The response of M/M/1 is exponential (Kleinrock 1975, section 5.6), so that this is -ln(1 - p) times its mean."""
    return -log(1 - percentile / 100) * mm1_response_s(arrivals_per_s, service_s)


def erlang_c(arrivals_per_s: float, service_s: float, servers: int) -> float:
    """The share of arrivals to M/M/c that find every server busy (Erlang 1917; Kleinrock 1975, eq. 3.40)."""
    rho, load, lost = _rho(arrivals_per_s, service_s, servers), arrivals_per_s * service_s, 1.0
    for server in range(1, servers + 1):  # Erlang B, server by server: nothing overflows
        lost = load * lost / (server + load * lost)
    return lost / (1 - rho * (1 - lost))


def mmc_response_s(arrivals_per_s: float, service_s: float, servers: int) -> float:
    """Mean response of M/M/c: S + C S / (c (1 - rho)) (Kleinrock 1975, section 3.5)."""
    rho = _rho(arrivals_per_s, service_s, servers)
    return service_s + erlang_c(arrivals_per_s, service_s, servers) * service_s / (servers * (1 - rho))


def mg1_response_s(arrivals_per_s: float, service_s: float, cv: float) -> float:
    """Mean response of M/G/1, first come first served: S + rho S (1 + cv^2) / (2 (1 - rho)) (Pollaczek 1930, Khinchine
    1932; Kleinrock 1975, eq. 5.72)."""
    rho = _rho(arrivals_per_s, service_s, 1)
    return service_s + rho * service_s * (1 + cv**2) / (2 * (1 - rho))


def mg1_shared_response_s(arrivals_per_s: float, service_s: float, work_s: float | None = None) -> float:
    """Mean response of M/G/1 with processor sharing, of those whose work is `work_s` (all: the mean): x / (1 - rho),
    whatever the law (Sakata, Noguchi, Oizumi 1969; Kleinrock 1976, eq. 4.17)."""
    return (service_s if work_s is None else work_s) / (1 - _rho(arrivals_per_s, service_s, 1))


def throughput_bound_per_s(demands_s: Sequence[float], servers: Sequence[int], think_s: float, people: int) -> float:
    """No closed network does more: min(N / (Z + sum D), min m / D) (Muntz & Wong 1974; Denning & Buzen 1978)."""
    slowest = min((m / d for d, m in zip(demands_s, servers, strict=True) if d > 0 and m > 0), default=float("inf"))
    alone_s = think_s + sum(demands_s)
    return min(people / alone_s if alone_s else float("inf"), slowest)


def knee_people(demands_s: Sequence[float], servers: Sequence[int], think_s: float) -> float:
    """Where both bounds meet: N* = (Z + sum D) min(m / D) (Kleinrock 1976's saturation point; Denning & Buzen 1978)."""
    slowest = min((m / d for d, m in zip(demands_s, servers, strict=True) if d > 0 and m > 0), default=float("inf"))
    return (think_s + sum(demands_s)) * slowest


def _rho(arrivals_per_s: float, service_s: float, servers: int) -> float:
    rho = arrivals_per_s * service_s / servers
    if not 0 <= rho < 1:
        raise ValueError(f"saturated: the servers would have to be busy {rho:.0%} of the time")
    return rho
