"""`matchday calibrate`: run records in, a calibration out; or a sentence that says which measurement is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from capacity.calibration import regression
from capacity.calibration.checks import MEASURE, check_run, check_together, check_windows
from capacity.calibration.curves import demand_curve
from capacity.calibration.demands import ServiceDemands
from capacity.calibration.file import Action, Calibration, CalibrationError, Curve, Estimate, Station, Stretch
from capacity.calibration.latencies import Latency, latencies
from capacity.calibration.observations import (
    GENERATOR,
    OFFLINE_MESSAGE,
    SOCKET,
    WINDOW_S,
    Floats,
    Observations,
    in_order,
    is_request,
    observed,
    stretches,
)
from capacity.calibration.observations import Stretch as Part
from capacity.calibration.paths import AFTERWARDS, WAY
from capacity.calibration.waiting import waits
from capacity.queueing.network import Law
from loadtests.record import Record
from scenarios.couples import halves_of_couples

DRAWS, SEED = 60, 1
LOW, HIGH = 5.0, 95.0
_CV_LOW, _CV_HIGH = 0.3, 1.5
UNACCOUNTED = "of no station"
_REACHES = 0.1  # times per request; a share of a request that goes there now and then counts as well


def calibrated(records: Sequence[Record]) -> Calibration:
    """Demands of every action at every station, from these runs. Raises CalibrationError."""
    for record in records:
        check_run(record)
    records = in_order(records)
    check_together(records)
    seen = _identifiable(observed(records))
    check_windows(seen)
    parts = [stretch for record in records for stretch in stretches(record)]
    measured = latencies(seen, parts)
    bundles, vif, fit = fitted(seen, measured)
    last = records[-1].run
    idle = [_estimate(fit.base[number], fit.draws_base[:, number]) for number in range(len(seen.stations))]
    demands = _demands(seen, fit, measured, _cores(records), last.machine.cpus)
    found = _stretches(seen, fit, parts)
    low = {block: (found[block].people, found[block].rates) for one in measured.values() for block in one.counts}
    curves = _curves(seen, fit)
    waiting = waits(demands, measured, low, last.machine.cpus)
    return Calibration(
        created_at=datetime.now(UTC),
        runs=tuple(record.folder.name for record in records),
        git_revision=last.git_revision,
        phase=last.scenario.phase,
        machine=last.machine,
        window_s=WINDOW_S,
        windows_used=len(seen.block),
        windows_rejected=dict(seen.rejected),
        reference_work_cpu_ms=float(np.median(seen.speed_ms)),
        stations={
            name: _station(seen, number, demands.cores[name], idle[number], float(fit.error[number]), curves[name])
            for number, name in enumerate(seen.stations)
        },
        actions={
            name: _action(
                seen, number, bundles, float(vif[number]), fit, measured.get(name), waiting.get(name), demands.cv[name]
            )
            for number, name in enumerate(seen.actions)
        },
        unaccounted_cores=_unaccounted(seen, last.machine.cpus),
        pool_size=seen.pool_size,
        stretches=tuple(found.values()),
        draws_cpu_ms=_rows(1000 * fit.draws_demand[:, :, : len(seen.stations)]),
        draws_idle_cores=_rows(fit.draws_base[:, : len(seen.stations)]),
    )


def demands_of(calibration: Calibration, draw: int | None = None) -> ServiceDemands:
    """The demands as one of the bootstrap repetitions has them; as estimated without one."""
    stations = list(calibration.stations)
    cpu_ms = {
        action: {station: found.cpu_ms[station].value for station in stations}
        if draw is None
        else dict(zip(stations, calibration.draws_cpu_ms[draw][number], strict=True))
        for number, (action, found) in enumerate(calibration.actions.items())
    }
    idle = [s.idle_cores.value for s in calibration.stations.values()]
    idle = idle if draw is None else list(calibration.draws_idle_cores[draw])
    return ServiceDemands(
        {action: {s: ms / 1000 for s, ms in by_station.items()} for action, by_station in cpu_ms.items()},
        dict(zip(stations, idle, strict=True)) | {UNACCOUNTED: calibration.unaccounted_cores},
        {name: station.cores for name, station in calibration.stations.items()},
        {action: found.cv for action, found in calibration.actions.items()},
        {a: Law.measured(np.array(found.wait_ms) / 1000) for a, found in calibration.actions.items() if found.wait_ms},
    )


def fitted(seen: Observations, measured: Mapping[str, Latency]) -> tuple[list[list[int]], Floats, regression.Demands]:
    """Bundles of actions, their variance inflation (A,), and each action's demand.

    Requests' demands are likely to be in proportion to their latencies, wherever all of them pass; those of a bundle
    share it so. Raises CalibrationError when a demand cannot be told from the others.
    """
    weights = np.array([_weight(name, measured) for name in seen.actions])
    bundles = regression.bundled(seen.counts, weights)
    vif = regression.inflation(regression.summed(seen.counts, bundles, weights))
    if (beyond := int(np.argmax(vif))) >= 0 and vif[beyond] > regression.VIF_MAX:
        names = ", ".join(seen.actions[column] for column in bundles[beyond])
        raise CalibrationError(
            f"The demand of {names} cannot be told from that of the others (variance inflation {vif[beyond]:.0f}, "
            f"limit {regression.VIF_MAX:g}): these runs have no mix with more or less of it alone. {MEASURE}"
        )
    reaches = reached(seen)
    requests = np.array([all(seen.actions[column] in measured for column in bundle) for bundle in bundles])
    resources = [
        regression.Resource(
            regression.summed(seen.counts * reaches[:, number], bundles, weights),
            seen.used[:, number],
            requests & (name in seen.stations and name not in AFTERWARDS),
        )
        for number, name in enumerate(seen.resources)
    ]
    fit = regression.fitted(resources, seen.block, DRAWS, SEED)
    owner = {column: number for number, bundle in enumerate(bundles) for column in bundle}
    order = [owner[column] for column in range(len(seen.actions))]
    shares = weights[:, None] * reaches
    own = replace(fit, demand=fit.demand[order] * shares, draws_demand=fit.draws_demand[:, order] * shares)
    return bundles, vif[order], own


def reached(seen: Observations) -> NDArray[np.bool_]:
    """(A, R): whether an action may use a resource. A request that does not reach an app, by the app's own count, costs
    nothing there; one that reaches no app at all costs nothing behind the apps either."""
    found = np.ones((len(seen.actions), len(seen.resources)), np.bool_)
    asked = np.array([is_request(name) for name in seen.actions])
    where = np.unique(seen.block, return_inverse=True)[1]
    for station, count in seen.requests.items():
        resource = regression.Resource(seen.counts, count, asked)
        times = regression.solved(resource, prior=regression.likely(resource, where))[:-1]
        found[:, seen.stations.index(station)] = (times >= _REACHES) | ~asked
    if seen.requests:
        nowhere = ~found[:, [seen.stations.index(station) for station in seen.requests]].any(axis=1)
        behind = [number for number, name in enumerate(seen.stations) if name not in (*WAY, *AFTERWARDS)]
        found[np.ix_(nowhere, behind)] = False
    return found


def _identifiable(seen: Observations) -> Observations:
    """Where there are always as many sockets, what an open one costs is part of what stations use by themselves."""
    if SOCKET in seen.actions and len(seen.block) > 1:
        vif = regression.inflation(seen.counts)[seen.actions.index(SOCKET)]
        return seen.without(SOCKET) if vif > regression.VIF_MAX else seen
    return seen


def _weight(action: str, measured: Mapping[str, Latency]) -> float:
    """How dear an action is beside those of its bundle, as far as its latency says."""
    name = {OFFLINE_MESSAGE: "WS message delivery"}.get(action, action)
    return max(0.1, measured[name].mean_ms) if name in measured else 1.0


def _cores(records: Sequence[Record]) -> dict[str, float]:
    return {name: cores for record in records for name, cores in record.run.stations.items()} | {GENERATOR: 1.0}


def _demands(
    seen: Observations,
    fit: regression.Demands,
    measured: Mapping[str, Latency],
    cores: Mapping[str, float],
    cpus: float,
) -> ServiceDemands:
    count = len(seen.stations)
    cpu_s = {
        action: dict(zip(seen.stations, fit.demand[number, :count].tolist(), strict=True))
        for number, action in enumerate(seen.actions)
    }
    cv = {action: _cv(measured.get(action)) for action in seen.actions}
    idle = dict(zip(seen.stations, fit.base[:count].tolist(), strict=True)) | {UNACCOUNTED: _unaccounted(seen, cpus)}
    return ServiceDemands(cpu_s, idle, {name: cores[name] for name in seen.stations}, cv)


def _cv(latency: Latency | None) -> float:
    """Of an action's CPU time: that of its latency at low load, which is mostly CPU; what is more is waiting."""
    if latency is None or not latency.mean_ms:
        return 1.0
    return float(np.clip(latency.sd_ms / latency.mean_ms, _CV_LOW, _CV_HIGH))


def _unaccounted(seen: Observations, cpus: float) -> float:
    stations = seen.used[:, : len(seen.stations)].sum(axis=1)
    return float(np.median(np.maximum(0.0, seen.machine * cpus - stations)))


def _stretches(seen: Observations, fit: regression.Demands, parts: Sequence[Part]) -> dict[int, Stretch]:
    """By block, of those that have windows."""
    count = len(seen.stations)
    expected = (seen.counts @ fit.demand[:, :count] + fit.base[:count]).sum(axis=1)
    cost = seen.used[:, :count].sum(axis=1) / np.maximum(expected, 1e-9)
    found = {}
    for block in np.unique(seen.block):
        own, part = seen.block == block, parts[block]
        scenario = part.record.run.scenario
        people = float(seen.people[own].mean())
        rates = seen.counts[own].mean(axis=0) / max(1.0, people)
        found[int(block)] = Stretch(
            title=part.title,
            scenario=scenario.name,
            mix=part.mix,
            people=people,
            halves=halves_of_couples(scenario.traffic, scenario.load.concurrent_users),
            machine_utilisation=float(seen.machine[own].mean()),
            cost=tuple(map(float, cost[own])),
            rates={name: float(rate) for name, rate in zip(seen.actions, rates, strict=True) if rate > 0},
        )
    return found


def _curves(seen: Observations, fit: regression.Demands) -> dict[str, Curve]:
    """By station."""
    blocks = np.unique(seen.block)
    busy = np.array([seen.machine[seen.block == block].mean() for block in blocks])
    found = {}
    for number, name in enumerate(seen.stations):
        expected = seen.counts @ fit.demand[:, number] + fit.base[number]
        sums = [(seen.used[own, number].sum(), expected[own].sum()) for own in (seen.block == b for b in blocks)]
        used, wanted = np.array(sums).T
        found[name] = demand_curve(busy, used / np.maximum(wanted, 1e-9), wanted)
    return found


def _station(seen: Observations, number: int, cores: float, idle: Estimate, error: float, curve: Curve) -> Station:
    """Memory by least squares over all windows: flat where there are always as many sockets."""
    memory_mb = seen.memory_mb[:, number]
    slope = float(np.polyfit(seen.sockets, memory_mb, 1)[0]) if np.ptp(seen.sockets) > 0 else 0.0
    a_socket = max(0.0, slope)
    idle_mb = max(0.0, float(np.mean(memory_mb - a_socket * seen.sockets)))
    return Station(
        cores=cores,
        idle_cores=idle,
        error_share=error,
        curve=curve,
        idle_memory_mb=idle_mb,
        memory_mb_a_socket=a_socket,
    )


def _action(
    seen: Observations,
    number: int,
    bundles: Sequence[Sequence[int]],
    vif: float,
    fit: regression.Demands,
    latency: Latency | None,
    waiting: Floats | None,
    cv: float,
) -> Action:
    mates = next(bundle for bundle in bundles if number in bundle)
    count = len(seen.stations)
    found = {
        name: _estimate(fit.demand[number, column], fit.draws_demand[:, number, column], 1000 if column < count else 1)
        for column, name in enumerate(seen.resources)
    }
    return Action(
        counted=float(seen.counts[:, number].sum() * WINDOW_S),
        variance_inflation=vif,
        with_=tuple(seen.actions[mate] for mate in mates if mate != number),
        cpu_ms={name: found[name] for name in seen.stations},
        counts={name: found[name] for name in seen.counters},
        cv=cv,
        samples=latency.samples if latency else 0,
        latency_ms=tuple(map(float, latency.quantiles_ms)) if latency else (),
        wait_ms=tuple(float(1000 * value) for value in waiting) if waiting is not None else (),
    )


def _estimate(value: float, draws: Floats, scale: float = 1.0) -> Estimate:
    low, high = np.percentile(draws, [LOW, HIGH])
    return Estimate(value=float(scale * value), low=float(scale * low), high=float(scale * high))


def _rows(values: Floats) -> tuple[tuple[object, ...], ...]:
    """As tuples, four digits each: what a bootstrap knows."""
    found = [[float(f"{one:.4g}") for one in np.ravel(row)] for row in values]
    if values.ndim == 2:
        return tuple(map(tuple, found))
    return tuple(tuple(map(tuple, np.reshape(row, values.shape[1:]).tolist())) for row in found)
