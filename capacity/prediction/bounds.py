"""Limits that are no queue: with so many people something is used up, however fast the cores are."""

from collections.abc import Iterator

from capacity.calibration.file import Calibration
from capacity.prediction.result import Bound
from capacity.prediction.site import Here, Planned, Site

# What a process may open at most where nobody has raised it: the soft limit of most Linux systems' services.
DESCRIPTORS = 65_536
# A person has a socket, and it comes and goes through the balancer: two at the proxy, one at the app.
_DESCRIPTORS_A_PERSON = 2
# The rest is the system's, and the alert of memory's.
MEMORY_SHARE = 0.7


def bounds(site: Site, calibration: Calibration) -> list[Bound]:
    """Whatever is known, the nearest first."""
    return sorted(_bounds(site, calibration), key=lambda bound: bound.people)


def _bounds(site: Site, calibration: Calibration) -> Iterator[Bound]:
    app = calibration.stations.get("app")
    copies = 1
    memory_mb = float(calibration.machine.memory_mb)
    idle_mb = sum(station.idle_memory_mb for station in calibration.stations.values())
    a_socket_mb = sum(station.memory_mb_a_socket for station in calibration.stations.values())
    if isinstance(site, Planned) and app:
        plan = site.infrastructure
        copies = plan.apps
        memory_mb = 1024 * site.machines.machines[plan.app_instance].memory_gb
        idle_mb, a_socket_mb = app.idle_memory_mb, app.memory_mb_a_socket
        yield from _database(site, calibration)
    if a_socket_mb > 0:
        people = max(0, int(copies * (MEMORY_SHARE * memory_mb - idle_mb) / a_socket_mb))
        what = "Memory of the app servers" if isinstance(site, Planned) else "Memory of the machine"
        yield Bound(what, people, f"{MEMORY_SHARE:.0%} of {memory_mb:,.0f} MB; {1024 * a_socket_mb:,.0f} KB a socket")
    if isinstance(site, Here):
        people = DESCRIPTORS // _DESCRIPTORS_A_PERSON
        yield Bound("File descriptors of the proxy", people, f"{DESCRIPTORS:,} a process, two a person")


def _database(site: Planned, calibration: Calibration) -> Iterator[Bound]:
    """Whether the pools of all processes fit into what the database's tier allows."""
    plan, limit = site.infrastructure, site.machines.machines[site.hosts()["mongod"][0]].connections
    if limit and calibration.pool_size:
        asked = round(calibration.pool_size * plan.apps * plan.app_processes)
        if asked > limit:
            yield Bound("Connections of the database", 0, f"{asked:,} in the pools, {limit:,} allowed")
