"""Can a run's numbers be trusted? The generator and the machine are suspects; limits are the scenario's."""

from collections.abc import Iterator
from statistics import mean, median

from loadtests.histograms import percentile_ms
from loadtests.record import LOOP_DRIFT, Problem, Record


def problems(record: Record) -> tuple[Problem, ...]:
    """Why the run is invalid; empty when nothing speaks against it."""
    return tuple(_problems(record))


def _problems(record: Record) -> Iterator[Problem]:
    limits = record.run.scenario.targets.validity
    if record.measured is None:
        return  # nothing was measured: there is nothing to distrust
    drift = record.latency([LOOP_DRIFT])
    if drift.get_total_count() and (late := percentile_ms(drift, 99)) > limits.generator_drift_p99_ms:
        yield Problem(
            what=f"The generator's loop was {late:.1f} ms late at p99 (limit {limits.generator_drift_p99_ms:g} ms).",
            advice="Send fewer users a process (--processes), or give the generator a machine of its own.",
        )
    cpu = record.measured_values("generator_cpu_percent")
    if cpu and mean(cpu) > limits.generator_cpu_percent:
        yield Problem(
            what=f"A generator process used {mean(cpu):.0f} % of a core (limit {limits.generator_cpu_percent:g} %).",
            advice="Spread the users over more processes with --processes.",
        )
    foreign = record.measured_values("foreign_cpu_cores")
    if foreign and mean(foreign) > limits.foreign_cpu_cores:
        yield Problem(
            what=f"Other programs and steal took {mean(foreign):.2f} cores (limit {limits.foreign_cpu_cores:g}).",
            advice="Stop what else runs on this machine, or use a quieter one.",
        )
    if dropped := sum(record.measured_values("dropped")):
        yield Problem(
            what=f"The generator dropped {dropped:.0f} arrivals that it could not start in time.",
            advice="Spread the load over more processes with --processes.",
        )
    # Whom the generator has started. Whether the backend let them in is the backend's verdict, not the generator's.
    users = record.measured_values("users")
    reached = median(users) / record.run.users_asked if users else 0.0
    if reached < limits.reached_load_share:
        yield Problem(
            what=f"Only {reached:.0%} of the {record.run.users_asked} people asked for were started.",
            advice="Ramp more slowly, or spread the users over more processes with --processes.",
        )
