"""Limits that are no queue: with so many people something is used up, however fast the cores are."""

from collections.abc import Iterator, Sequence

import numpy as np

from capacity.calibration.file import Calibration
from capacity.prediction.result import Bound
from capacity.prediction.runs import Question
from capacity.prediction.site import Drawn, Here, Planned

# What nginx may hold open at once, of both its sides: worker_connections of reference_app/stack/nginx.conf.j2.
PROXY_CONNECTIONS = 16_384
# A person has a socket, which comes in at the proxy and goes on to an app.
_CONNECTIONS_A_PERSON = 2
# The rest is the system's, and the alert of memory's.
MEMORY_SHARE = 0.7


def bounds(question: Question, drawn: Sequence[Drawn], people: int) -> list[Bound]:
    """Whatever is known, the nearest first. `drawn`: ways how the site may be."""
    return sorted(_bounds(question, drawn, people), key=lambda bound: bound.people)


def _bounds(question: Question, drawn: Sequence[Drawn], people: int) -> Iterator[Bound]:
    site, calibration = question.site, question.calibration
    app = calibration.stations.get("app")
    copies = 1
    memory_mb = float(calibration.machine.memory_mb)
    idle_mb = sum(station.idle_memory_mb for station in calibration.stations.values())
    a_socket_mb = sum(station.memory_mb_a_socket for station in calibration.stations.values())
    if isinstance(site, Planned) and app:
        plan = site.infrastructure
        copies = plan.apps
        memory_mb = 1024 * site.machines.types[plan.app_instance].memory_gb
        idle_mb, a_socket_mb = app.idle_memory_mb, app.memory_mb_a_socket
        yield from _database(site, calibration)
        yield from _credits(site, question, drawn, people)
    if a_socket_mb > 0 and (app is None or app.memory_mb_a_socket > 0):  # else most of it is not known
        most = max(0, int(copies * (MEMORY_SHARE * memory_mb - idle_mb) / a_socket_mb))
        what = "Memory of the app servers" if isinstance(site, Planned) else "Memory of the machine"
        yield Bound(what, most, f"{MEMORY_SHARE:.0%} of {memory_mb:,.0f} MB; {1024 * a_socket_mb:,.0f} KB a socket")
    if isinstance(site, Here):
        most = PROXY_CONNECTIONS // _CONNECTIONS_A_PERSON
        yield Bound("Connections of the proxy", most, f"{PROXY_CONNECTIONS:,} to both sides, two a person")


def _database(site: Planned, calibration: Calibration) -> Iterator[Bound]:
    """Whether the pools of all processes fit into what the database's tier allows."""
    plan, limit = site.infrastructure, site.machines.types[site.hosts()["mongod"][0]].connections
    if limit and calibration.pool_size:
        asked = round(calibration.pool_size * plan.apps * plan.app_processes)
        if asked > limit:
            yield Bound("Connections of the database", 0, f"{asked:,} in the pools, {limit:,} allowed")


def _credits(site: Planned, question: Question, drawn: Sequence[Drawn], people: int) -> Iterator[Bound]:
    """Burstable servers: with how many people the CPU that is used is all that is earned.

    T = credit_hours x baseline / (busy - baseline) is how long full credits last (AWS: CPU credits and baseline).
    """
    rates = question.crowd.rates(people)
    for host, (kind, _) in site.hosts().items():
        server = site.machines.types[kind]
        if server.baseline_share >= 1:
            continue
        each = float(np.median([there.busy_cores(rates)[host] / there.cores[host] for there in drawn]))
        idle = float(np.median([there.background(rates, 0)[host] / there.cores[host] for there in drawn]))
        if each <= 0:
            continue
        more = idle + people * each - server.baseline_share
        lasts = ""
        if more > 0 and server.credit_hours:
            hours = server.credit_hours * server.baseline_share / more
            lasts = f"; with {people:,} people full credits last {hours:,.1f} h"
        yield Bound(
            f"CPU credits of {host} ({server.title})",
            max(0, int((server.baseline_share - idle) / each)),
            f"{server.baseline_share:.0%} of its cores is what it earns around the clock{lasts}",
        )
