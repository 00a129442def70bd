"""Can a run's numbers be trusted? The generator and the machine are suspects; limits are the scenario's."""

from collections.abc import Iterator, Sequence
from statistics import mean, median
from typing import Literal

import numpy as np

from loadtests.record.histograms import percentile_ms
from loadtests.record.reading import LOOP_DRIFT, Record
from loadtests.record.run_file import Trust
from scenarios.schema import ValidityLimits

# A p95 moves when one second of twenty is bad: so the generator must be well in 95 % of the seconds, not on average.
_SECONDS_PERCENTILE = 95.0


def judged(record: Record) -> tuple[Trust, ...]:
    """Everything that must hold for the numbers to be trusted; empty when nothing was measured to distrust."""
    return tuple(_judged(record)) if record.measured else ()


def _judged(record: Record) -> Iterator[Trust]:
    limits = record.run.scenario.targets.validity
    drift = record.latency([LOOP_DRIFT])
    late_ms = percentile_ms(drift, 99) if drift.get_total_count() else None
    yield _trust(
        "generator_drift",
        "Generator's loop late, p99",
        late_ms,
        limits.generator_drift_p99_ms,
        "ms",
        problem=f"The generator's loop was {late_ms or 0:.1f} ms late at p99 (limit "
        f"{limits.generator_drift_p99_ms:g} ms).",
        advice="Send fewer users a process (--processes), or give the generator a machine of its own.",
    )
    cpu = _percentile(record.measured_values("generator_cpu_percent"))
    yield _trust(
        "generator_cpu",
        "Busiest generator process",
        cpu,
        limits.generator_cpu_percent,
        "% of a core",
        problem=f"A generator process used {cpu or 0:.0f} % of a core in 5 % of the seconds (limit "
        f"{limits.generator_cpu_percent:g} %).",
        advice="Spread the users over more processes with --processes.",
    )
    foreign = _mean(record.measured_values("foreign_cpu_cores"))
    yield _trust(
        "foreign_cpu",
        "Other programs and steal",
        foreign,
        limits.foreign_cpu_cores,
        "cores",
        problem=f"Other programs and steal took {foreign or 0:.2f} cores (limit {limits.foreign_cpu_cores:g}).",
        advice="Stop what else runs on this machine, or use a quieter one; a backend on this machine counts as a "
        "station when --stack names it.",
    )
    dropped = sum(record.measured_values("dropped"))
    yield _trust(
        "dropped",
        "Arrivals dropped",
        dropped,
        0.0,
        "arrivals",
        problem=f"The generator dropped {dropped:.0f} arrivals that it could not start in time.",
        advice="Spread the load over more processes with --processes.",
    )
    # Whom the generator has started. Whether the backend let them in is the backend's verdict, not the generator's.
    start, end = record.measured or (0, 0)
    pairs = zip(record.column("users", start, end), record.column("users_asked", start, end), strict=True)
    reached = [(users or 0) / asked for users, asked in pairs if asked]
    share = median(reached) if reached else 0.0
    yield _trust(
        "load_reached",
        "Asked load reached",
        100 * share,
        100 * limits.reached_load_share,
        "%",
        problem=f"Only {share:.0%} of the people asked for ({record.run.users_asked} at the peak) were started.",
        advice="Ramp more slowly, or spread the users over more processes with --processes.",
        better="higher",
    )
    yield from _workers(record, limits)


def _workers(record: Record, limits: ValidityLimits) -> Iterator[Trust]:
    run = record.run
    if not run.clocks and not run.workers_lost:
        return
    lost = len(run.workers_lost)
    yield _trust(
        "workers_lost",
        "Workers lost",
        lost,
        0.0,
        "workers",
        problem=f"{lost} of {len(run.clocks)} workers of the generator did not live to the end: "
        f"{', '.join(run.workers_lost)}.",
        advice="See their logs; what their users had not sent by then is missing.",
    )
    error_ms = max((clock.error_ms for clock in run.clocks), default=0.0)
    yield _trust(
        "clock_error",
        "Clocks of the workers, error",
        error_ms,
        limits.clock_error_ms,
        "ms",
        problem=f"A worker's clock is known to ±{error_ms:.1f} ms only (limit {limits.clock_error_ms:g} ms): what is "
        "timed between two workers is wrong by as much.",
        advice="Bring master and workers closer together, or run them on one machine.",
    )


def _trust(
    key: str,
    title: str,
    measured: float | None,
    limit: float,
    unit: str,
    problem: str,
    advice: str,
    better: Literal["lower", "higher"] = "lower",
) -> Trust:
    """`problem` and `advice` are for when it does not hold; what nothing measured does not."""
    if measured is None:
        problem, advice = (
            f"Nothing measured it: {title}.",
            "The record lacks what the generator says of itself: measure again.",
        )
    elif measured <= limit if better == "lower" else measured >= limit:
        problem = advice = ""
    return Trust(
        key=key, title=title, measured=measured, limit=limit, unit=unit, better=better, problem=problem, advice=advice
    )


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None


def _percentile(values: Sequence[float]) -> float | None:
    return float(np.percentile(values, _SECONDS_PERCENTILE)) if values else None
