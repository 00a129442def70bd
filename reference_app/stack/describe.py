"""What a running stack tells those who measure it."""

import os
from collections.abc import Mapping, Sequence

import psutil

from reference_app.platform.queue import Queue
from reference_app.settings import Settings
from reference_app.stack.process import ServerProcess
from scenarios.schema import Population
from scenarios.stack_info import PrometheusMetric, PrometheusPage, QueueInfo, StackInfo, Station

_APP_METRICS = (
    PrometheusMetric(column="mongo_in_use", metric="matchday_mongo_connections_in_use"),
    PrometheusMetric(column="mongo_pool_size", metric="matchday_mongo_pool_size"),
    PrometheusMetric(column="cache_hits", metric="matchday_cache_hits_total", counter=True),
    PrometheusMetric(column="cache_misses", metric="matchday_cache_misses_total", counter=True),
)


def describe(
    host: str,
    servers: Sequence[ServerProcess],
    settings: Settings,
    app_ports: Mapping[str, int],
    population: Population,
) -> StackInfo:
    """What watches `servers`. `app_ports`: where an app shows its metrics, by its name."""
    stations: dict[str, list[int]] = {}
    for server in servers:
        stations.setdefault(_station(server.name), []).append(server.pid)
    # One asyncio process or one nginx worker can use one core; mongod uses what there is.
    cores = {name: float(len(pids)) for name, pids in stations.items()} | {"mongod": float(os.cpu_count() or 1)}
    return StackInfo(
        host=host,
        stations={
            name: Station(pids=tuple(_with_children(pids)), cores=cores[name]) for name, pids in stations.items()
        },
        mongo_url=settings.mongo_url,
        redis_url=settings.redis_url,
        queue=QueueInfo(
            url=Queue.connect(settings).url,
            region=settings.aws_region,
            endpoint_url=settings.aws_endpoint_url,
            access_key_id=settings.aws_access_key_id,
            secret_access_key=settings.aws_secret_access_key,
        ),
        prometheus=tuple(_page(_station(name), port) for name, port in app_ports.items()),
        otp_test_secret=settings.otp_test_secret,
        population=population.model_dump(mode="json"),
    )


def _station(server: str) -> str:
    """Servers are stations by the first part of their name: app-1 and app-2 are the station `app`."""
    return server.partition("-")[0]


def _page(station: str, port: int) -> PrometheusPage:
    metric = "matchday_request_seconds_count"
    requests = PrometheusMetric(column=f"requests_{station}", metric=metric, counter=True)
    return PrometheusPage(url=f"http://127.0.0.1:{port}/metrics", metrics=(*_APP_METRICS, requests))


def _with_children(pids: list[int]) -> list[int]:
    """The processes and those that they started: nginx works in a child."""
    family = list(pids)
    for pid in pids:
        family += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return family
