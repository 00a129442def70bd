"""Every target and alert of a run, with its verdict. What nothing measured is never a pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Literal

from loadtests.histograms import percentile_ms, samples_needed
from loadtests.record import NOT_REQUESTS, Record, matches
from scenarios.outcome import Verdict
from scenarios.schema import Alert, Target

# What Locust calls an HTTP method; images, sockets and the object store have types of their own.
API_SAMPLES = ("GET /*", "POST /*", "PUT /*", "PATCH /*", "DELETE /*")


@dataclass(frozen=True)
class Measurement:
    """A measured quantity; `value` is None when nothing measured it, and `note` then says why."""

    value: float | None
    note: str = ""
    failed_share: float = 0.0


@dataclass(frozen=True)
class TargetResult:
    """A target, what was measured, and what follows."""

    key: str
    title: str
    what: str
    verdict: Verdict
    measured: float | None
    limit: float
    better: Literal["lower", "higher"]
    unit: str
    note: str


@dataclass(frozen=True)
class AlertResult:
    """An alert: firing, quiet, or only watched (`firing` is None) because it has no limit or no measurement."""

    key: str
    title: str
    what: str
    firing: bool | None
    measured: float | None
    limit: float | None
    better: Literal["lower", "higher"]
    unit: str
    note: str


@dataclass(frozen=True)
class Check:
    """All of a run's verdicts. `verdict` is the run's: an invalid run says nothing about its targets."""

    verdict: Verdict
    reasons: tuple[str, ...]
    targets: tuple[TargetResult, ...]
    alerts: tuple[AlertResult, ...]
    measured_seconds: int


def check(record: Record) -> Check:
    """Compare a run with its scenario's targets and alerts."""
    wanted = record.run.scenario.targets
    targets = tuple(_target(key, target, record) for key, target in wanted.targets.items())
    alerts = tuple(_alert(key, alert, record) for key, alert in wanted.alerts.items())
    verdict, reasons = _overall(record, targets)
    return Check(verdict, reasons, targets, alerts, record.measured_seconds)


def _overall(record: Record, targets: Sequence[TargetResult]) -> tuple[Verdict, tuple[str, ...]]:
    if record.broken:
        return Verdict.INVALID, (f"The load generator did not end by itself ({record.state}).",)
    if problems := record.run.problems:
        return Verdict.INVALID, tuple(f"{problem.what} {problem.advice}" for problem in problems)
    if failed := [t for t in targets if t.verdict is Verdict.FAIL]:
        return Verdict.FAIL, tuple(f"{t.title}: {t.note or 'beyond its limit'}" for t in failed)
    open_ = [t for t in targets if t.verdict is Verdict.INCONCLUSIVE]
    reasons = tuple(f"{t.title}: {t.note}" for t in open_)
    if record.measured is None:
        return Verdict.INCONCLUSIVE, (f"The run ended before anything could be measured ({record.state}).",)
    if not record.complete:
        return Verdict.INCONCLUSIVE, (f"The run was cut short ({record.state}).", *reasons)
    return (Verdict.INCONCLUSIVE, reasons) if open_ else (Verdict.PASS, ())


def _target(key: str, target: Target, record: Record) -> TargetResult:
    limit = target.limit_at(record.run.scenario.population.users)
    measurement = _TARGET_METRICS[target.metric](target, record)
    verdict, note = _verdict(target, limit, measurement)
    if target.at_users and not note:
        note = f"{target.limit:,g} at {target.at_users:,} users"
    return TargetResult(
        key, target.title, target.what, verdict, measurement.value, limit, target.better, target.unit, note
    )


def _verdict(target: Target, limit: float, measurement: Measurement) -> tuple[Verdict, str]:
    value = measurement.value
    # Failures are no part of the latency: a target that only the survivors meet is not met.
    if target.percentile and measurement.failed_share > 1 - target.percentile / 100:
        return Verdict.FAIL, f"{measurement.failed_share:.1%} of them failed"
    if value is None:
        return Verdict.INCONCLUSIVE, measurement.note
    if within(value, limit, target.better):
        return Verdict.PASS, measurement.note
    if target.metric == "database_queries_peak_per_s":
        return Verdict.INCONCLUSIVE, f"the load asked for {value:.0f} at most; only more people can tell"
    return Verdict.FAIL, measurement.note


def within(value: float, limit: float, better: Literal["lower", "higher"]) -> bool:
    """Whether a value keeps its limit: below it when lower is better, at or above it otherwise."""
    return value < limit if better == "lower" else value >= limit


def _latency(percentile: float | None, samples: Sequence[str], record: Record) -> Measurement:
    assert percentile is not None
    ok = record.latency(samples)
    count = int(ok.get_total_count())
    failed = int(record.latency(samples, failed=True).get_total_count())
    failed_share = failed / (count + failed) if count + failed else 0.0
    needed = samples_needed(percentile)
    if count < needed:
        return Measurement(None, f"{count} samples, p{percentile:g} needs {needed} at least", failed_share)
    return Measurement(percentile_ms(ok, percentile), f"p{percentile:g} of {count:,}", failed_share)


def _from_series(column: str, statistic: Callable[[list[float]], float], note: str, record: Record) -> Measurement:
    values = record.measured_values(column)
    return Measurement(statistic(values), note) if values else Measurement(None, "nothing measured it in this run")


def _concurrent(record: Record) -> Measurement:
    # Nobody with a session is 0 people, however many the generator started.
    column = "sockets" if record.measured_values("sockets") else "users"
    return _from_series(column, median, "", record)


_TARGET_METRICS: dict[str, Callable[[Target, Record], Measurement]] = {
    "latency_ms": lambda target, record: _latency(target.percentile, target.samples, record),
    "concurrent_users": lambda _, record: _concurrent(record),
    "database_queries_peak_per_s": lambda _, record: _from_series("database_queries", max, "", record),
    "uptime_percent": lambda _, record: _from_series(
        "answered", lambda values: 100 * mean(values), f"of {record.measured_seconds} s", record
    ),
}


def _alert(key: str, alert: Alert, record: Record) -> AlertResult:
    measurement = _ALERT_METRICS[alert.metric](alert, record)
    firing = None
    if measurement.value is not None and alert.limit is not None:
        firing = not (measurement.value <= alert.limit if alert.better == "lower" else measurement.value >= alert.limit)
    return AlertResult(
        key, alert.title, alert.what, firing, measurement.value, alert.limit, alert.better, alert.unit, measurement.note
    )


def _station_cpu(_: Alert, record: Record) -> Measurement:
    busy = {
        name: 100 * mean(values) / cores
        for name, cores in record.run.stations.items()
        if (values := record.measured_values(f"cpu_cores_{name}"))
    }
    if not busy:
        return Measurement(None, "nothing measured it in this run")
    busiest = max(busy, key=lambda name: busy[name])
    return Measurement(busy[busiest], busiest)


def _share(hits: str, misses: str, record: Record) -> float | None:
    hit, missed = sum(record.measured_values(hits)), sum(record.measured_values(misses))
    return 100 * hit / (hit + missed) if hit + missed else None


def _cache_hits(_: Alert, record: Record) -> Measurement:
    redis, cdn = _share("cache_hits", "cache_misses", record), _share("cdn_hits", "cdn_misses", record)
    note = "nothing measured it in this run" if redis is None else ""
    if cdn is not None:
        note = f"{note + '; ' if note else ''}CDN {cdn:.0f} %, empty at the start"
    return Measurement(redis, note)


def _pool(_: Alert, record: Record) -> Measurement:
    in_use, size = record.measured_values("mongo_in_use"), record.measured_values("mongo_pool_size")
    if not in_use or not size:
        return Measurement(None, "nothing measured it in this run")
    return Measurement(100 * max(in_use) / max(size), f"{max(in_use):.0f} of {max(size):.0f}")


def _errors(_: Alert, record: Record) -> Measurement:
    requests, failures = sum(record.measured_values("requests")), sum(record.measured_values("failures"))
    if not requests:
        return Measurement(None, "no request was measured")
    return Measurement(100 * failures / requests, f"{failures:.0f} of {requests:,.0f}")


_ALERT_METRICS: dict[str, Callable[[Alert, Record], Measurement]] = {
    "station_cpu_percent": _station_cpu,
    "machine_memory_percent": lambda _, record: _from_series("memory_percent", mean, "of the machine", record),
    "mongo_pool_percent": _pool,
    "api_latency_ms": lambda alert, record: _latency(alert.percentile, API_SAMPLES, record),
    "error_percent": _errors,
    "cache_hit_percent": _cache_hits,
    "open_sockets": lambda _, record: _from_series("sockets", median, "", record),
    "queue_backlog": lambda _, record: _from_series("queue_backlog", max, "at most", record),
}


def request_names(record: Record) -> list[str]:
    """The names of a run's requests: without what the generator says of itself."""
    return [name for name in record.names() if not matches(name, NOT_REQUESTS[:1])]
