"""`matchday calibrate`: run records in, a calibration out; or a sentence that says which measurement is missing."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from capacity.calibration import regression
from capacity.calibration.checks import check_run, check_together, check_windows
from capacity.calibration.curves import demand_curve, memory_a_socket_mb
from capacity.calibration.demands import ServiceDemands
from capacity.calibration.file import HIGH, LOW, Action, Calibration, Curve, Estimate, Station, Stretch
from capacity.calibration.fitting import Fit, fitted, identifiable
from capacity.calibration.latencies import Latency, latencies
from capacity.calibration.observations import (
    GENERATOR,
    WINDOW_S,
    Floats,
    Observations,
    in_order,
    observed,
    stretches,
)
from capacity.calibration.observations import Stretch as Part
from capacity.calibration.speed import SPEED_ELASTICITY, reference_work_cpu_ms
from capacity.calibration.waiting import Alone, alone
from capacity.queueing.network import Law
from loadtests.record import Record
from scenarios.couples import halves_of_couples

_CV_LOW, _CV_HIGH = 0.3, 1.5
UNACCOUNTED = "of no station"


def calibrated(records: Sequence[Record]) -> Calibration:
    """Demands of every action at every station, from these runs. Raises CalibrationError."""
    for record in records:
        check_run(record)
    records = in_order(records)
    check_together(records)
    seen = identifiable(observed(records))
    check_windows(seen)
    parts = [stretch for record in records for stretch in stretches(record)]
    measured = latencies(seen, parts)
    fit = fitted(seen, measured)
    last = records[-1].run
    demands = _demands(seen, fit.demands, measured, _cores(records), last.machine.cpus)
    found = _stretches(seen, fit, parts)
    low = {block: found[block] for one in measured.values() for block in one.counts}
    undisturbed = alone(demands, measured, low, last.machine.cpus)
    return Calibration(
        created_at=datetime.now(UTC),
        runs=tuple(record.folder.name for record in records),
        git_revision=last.git_revision,
        phase=last.scenario.phase,
        machine=last.machine,
        window_s=WINDOW_S,
        windows_used=len(seen.block),
        windows_rejected=dict(seen.rejected),
        reference_work_cpu_ms=reference_work_cpu_ms(seen),
        speed_elasticity=SPEED_ELASTICITY,
        stations={name: _station(fit, number, demands.cores[name]) for number, name in enumerate(seen.stations)},
        actions={
            name: _action(fit, number, measured.get(name), undisturbed.get(name), demands.cv[name])
            for number, name in enumerate(seen.actions)
        },
        unaccounted_cores=_unaccounted(seen, last.machine.cpus),
        pool_size=seen.pool_size,
        stretches=tuple(found.values()),
        draws_cpu_ms={
            action: {
                station: _rounded(1000 * fit.demands.draws_demand[:, number, column])
                for column, station in enumerate(seen.stations)
            }
            for number, action in enumerate(seen.actions)
        },
        draws_idle_cores={
            station: _rounded(fit.demands.draws_base[:, column]) for column, station in enumerate(seen.stations)
        },
    )


def demands_of(calibration: Calibration, draw: int | None = None) -> ServiceDemands:
    """The demands as one of the bootstrap repetitions has them; as estimated without one."""
    stations = list(calibration.stations)

    def cpu_ms(action: str, station: str) -> float:
        if draw is None:
            return calibration.actions[action].cpu_ms[station].value
        return calibration.draws_cpu_ms[action][station][draw]

    def idle_cores(station: str) -> float:
        if draw is None:
            return calibration.stations[station].idle_cores.value
        return calibration.draws_idle_cores[station][draw]

    return ServiceDemands(
        {action: {station: cpu_ms(action, station) / 1000 for station in stations} for action in calibration.actions},
        {station: idle_cores(station) for station in stations} | {UNACCOUNTED: calibration.unaccounted_cores},
        {name: station.cores for name, station in calibration.stations.items()},
        {action: found.cv for action, found in calibration.actions.items()},
        {
            action: Law.measured(np.array(found.wait_ms) / 1000, together=True)
            for action, found in calibration.actions.items()
            if found.wait_ms
        },
        {action: found.cpu_shape for action, found in calibration.actions.items() if found.cpu_shape},
    )


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


def _stretches(seen: Observations, fit: Fit, parts: Sequence[Part]) -> dict[int, Stretch]:
    """By block, of those that have windows."""
    count = len(seen.stations)
    expected = (seen.counts @ fit.demands.demand[:, :count] + fit.demands.base[:count]).sum(axis=1)
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
            slowness=float(fit.slow[own].mean()),
            cost=tuple(map(float, cost[own])),
            rates={name: float(rate) for name, rate in zip(seen.actions, rates, strict=True) if rate > 0},
        )
    return found


def _station(fit: Fit, number: int, cores: float) -> Station:
    seen, demands = fit.steady, fit.demands
    memory_mb = seen.memory_mb[:, number]
    a_socket = memory_a_socket_mb(seen.sockets, memory_mb, seen.block)
    return Station(
        cores=cores,
        idle_cores=_estimate(demands.base[number], demands.draws_base[:, number]),
        error_share=float(demands.error[number]),
        curve=_curve(seen, demands, number),
        idle_memory_mb=max(0.0, float(np.mean(memory_mb - a_socket * seen.sockets))),
        memory_mb_a_socket=a_socket,
    )


def _curve(seen: Observations, demands: regression.Demands, number: int) -> Curve:
    """Of a station's work, over stretches."""
    expected = seen.counts @ demands.demand[:, number] + demands.base[number]
    blocks = [seen.block == block for block in np.unique(seen.block)]
    busy = np.array([seen.machine[own].mean() for own in blocks])
    used = np.array([seen.used[own, number].sum() for own in blocks])
    wanted = np.array([expected[own].sum() for own in blocks])
    return demand_curve(busy, used / np.maximum(wanted, 1e-9), wanted)


def _action(fit: Fit, number: int, latency: Latency | None, undisturbed: Alone | None, cv: float) -> Action:
    seen, demands = fit.steady, fit.demands
    mates = next(bundle for bundle in fit.bundles if number in bundle)
    count = len(seen.stations)
    found = {
        name: _estimate(
            demands.demand[number, column], demands.draws_demand[:, number, column], 1000 if column < count else 1
        )
        for column, name in enumerate(seen.resources)
    }
    return Action(
        counted=float(seen.counts[:, number].sum() * WINDOW_S),
        variance_inflation=float(fit.vif[number]),
        with_=tuple(seen.actions[mate] for mate in mates if mate != number),
        cpu_ms={name: found[name] for name in seen.stations},
        counts={name: found[name] for name in seen.counters},
        cv=cv,
        samples=latency.samples if latency else 0,
        latency_ms=tuple(map(float, latency.quantiles_ms)) if latency else (),
        wait_ms=tuple(map(float, 1000 * undisturbed.wait_s)) if undisturbed else (),
        cpu_shape=tuple(map(float, undisturbed.cpu_shape)) if undisturbed else (),
    )


def _estimate(value: float, draws: Floats, scale: float = 1.0) -> Estimate:
    low, high = np.percentile(draws, [LOW, HIGH])
    return Estimate(value=float(scale * value), low=float(scale * low), high=float(scale * high))


def _rounded(draws: Floats) -> tuple[float, ...]:
    """Four digits each: what a bootstrap knows."""
    return tuple(float(f"{one:.4g}") for one in draws)
