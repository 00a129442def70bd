"""Can a run's numbers be trusted? The generator and the machine are suspects; limits are the scenario's."""

from collections.abc import Iterator, Sequence
from statistics import mean, median

import numpy as np

from loadtests.record.histograms import percentile_ms
from loadtests.record.reading import LOOP_DRIFT, Record
from loadtests.record.run_file import Trust

# A p95 moves when one second of twenty is bad: so the generator must be well in 95 % of the seconds, not on average.
_SECONDS_PERCENTILE = 95.0


def judged(record: Record) -> tuple[Trust, ...]:
    """Everything that must hold for the numbers to be trusted; empty when nothing was measured to distrust."""
    return tuple(_judged(record)) if record.measured else ()


def _judged(record: Record) -> Iterator[Trust]:
    limits = record.run.scenario.targets.validity
    drift = record.latency([LOOP_DRIFT])
    late_ms = percentile_ms(drift, 99) if drift.get_total_count() else None
    yield _at_most(
        Trust(
            key="generator_drift",
            title="Generator's loop late, p99",
            measured=late_ms,
            limit=limits.generator_drift_p99_ms,
            unit="ms",
        ),
        f"The generator's loop was {late_ms or 0:.1f} ms late at p99 (limit {limits.generator_drift_p99_ms:g} ms).",
        "Send fewer users a process (--processes), or give the generator a machine of its own.",
    )
    cpu = _percentile(record.measured_values("generator_cpu_percent"))
    yield _at_most(
        Trust(
            key="generator_cpu",
            title="Busiest generator process",
            measured=cpu,
            limit=limits.generator_cpu_percent,
            unit="% of a core",
        ),
        f"A generator process used {cpu or 0:.0f} % of a core in 5 % of the seconds (limit "
        f"{limits.generator_cpu_percent:g} %).",
        "Spread the users over more processes with --processes.",
    )
    foreign = record.measured_values("foreign_cpu_cores")
    yield _at_most(
        Trust(
            key="foreign_cpu",
            title="Other programs and steal",
            measured=mean(foreign) if foreign else None,
            limit=limits.foreign_cpu_cores,
            unit="cores",
        ),
        f"Other programs and steal took {mean(foreign or [0]):.2f} cores (limit {limits.foreign_cpu_cores:g}).",
        "Stop what else runs on this machine, or use a quieter one; a backend on this machine counts as a station "
        "when --stack names it.",
    )
    dropped = sum(record.measured_values("dropped"))
    yield _at_most(
        Trust(key="dropped", title="Arrivals dropped", measured=dropped, limit=0.0, unit="arrivals"),
        f"The generator dropped {dropped:.0f} arrivals that it could not start in time.",
        "Spread the load over more processes with --processes.",
    )
    yield _load_reached(record)
    yield from _workers(record)


def _load_reached(record: Record) -> Trust:
    """Whom the generator has started. Whether the backend let them in is the backend's verdict, not the generator's."""
    asked, limit = record.run.users_asked, record.run.scenario.targets.validity.reached_load_share
    users = record.measured_values("users")
    share = median(users) / asked if users and asked else 0.0
    trust = Trust(key="load_reached", title="Asked load reached", measured=100 * share, limit=100 * limit, unit="%")
    if share >= limit:
        return trust
    return _broken(
        trust,
        f"Only {share:.0%} of the {asked} people asked for were started.",
        "Ramp more slowly, or spread the users over more processes with --processes.",
    )


def _workers(record: Record) -> Iterator[Trust]:
    run = record.run
    if not run.clocks and not run.workers_lost:
        return
    lost = len(run.workers_lost)
    yield _at_most(
        Trust(key="workers_lost", title="Workers lost", measured=lost, limit=0.0, unit="workers"),
        f"{lost} of {len(run.clocks)} workers of the generator did not live to the end: {', '.join(run.workers_lost)}.",
        "See their logs; what their users had not sent by then is missing.",
    )
    error_ms, limit = max((clock.error_ms for clock in run.clocks), default=0.0), run.scenario.targets.validity
    yield _at_most(
        Trust(
            key="clock_error",
            title="Clocks of the workers, error",
            measured=error_ms,
            limit=limit.clock_error_ms,
            unit="ms",
        ),
        f"A worker's clock is known to ±{error_ms:.1f} ms only (limit {limit.clock_error_ms:g} ms): what is timed "
        "between two workers is wrong by as much.",
        "Bring master and workers closer together, or run them on one machine.",
    )


def _at_most(trust: Trust, problem: str, advice: str) -> Trust:
    kept = trust.measured is None or trust.measured <= trust.limit
    return trust if kept else _broken(trust, problem, advice)


def _broken(trust: Trust, problem: str, advice: str) -> Trust:
    return trust.model_copy(update={"problem": problem, "advice": advice})


def _percentile(values: Sequence[float]) -> float | None:
    return float(np.percentile(values, _SECONDS_PERCENTILE)) if values else None
