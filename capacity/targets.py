"""Every target and alert of a run, with its verdict. What nothing measured is never a pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import mean, median
from typing import Literal

from capacity.stages import StageResult, stages
from loadtests.record import Clock, Messages, Record, Trust, Windows, matches
from loadtests.record.histograms import samples_needed
from scenarios.outcome import Verdict
from scenarios.schema import Alert, Target

# What Locust calls an HTTP method; images, sockets and the object store have types of their own.
API_SAMPLES = ("GET /*", "POST /*", "PUT /*", "PATCH /*", "DELETE /*")


_PEAK_SHARE = 0.99
_NOTHING = "nothing measured it in this run"
_OR_LEAVE_IT = "or measure again with --set targets.targets.{key}.judged=false"
# What helps when not one sample came: a request that nobody made, or a column that nobody filled.
_MAKE_SAMPLES = f"run longer or with more people, see whether its `samples` name a request, {_OR_LEAVE_IT}"
_NAME_THE_SOURCE = f"name its source with --stack (docs/watching.md), {_OR_LEAVE_IT}"


@dataclass(frozen=True)
class Measurement:
    """A measured quantity; `value` is None when it was not measured well enough, and `note` then says why.

    `nothing`: not a single sample of it came; the run cannot tell anything of it.
    """

    value: float | None
    note: str = ""
    failed_share: float = 0.0
    nothing: bool = False


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
    failures: TargetResult
    stages: tuple[StageResult, ...]
    alerts: tuple[AlertResult, ...]
    validity: tuple[Trust, ...]
    messages: Messages | None
    clocks: tuple[Clock, ...]
    measured_seconds: int


def check(record: Record) -> Check:
    """Compare a run with its scenario's targets and alerts."""
    wanted = record.run.scenario.targets
    targets = tuple(judged_target(key, target, record) for key, target in wanted.targets.items())
    failures = judged_target("failures", wanted.failures, record)
    alerts = tuple(_alert(key, alert, record) for key, alert in wanted.alerts.items())
    verdict, reasons = overall(record, (*targets, failures))
    run = record.run
    return Check(
        verdict,
        reasons,
        targets,
        failures,
        stages(record),
        alerts,
        run.validity or (),
        run.messages,
        run.clocks,
        record.measured_seconds,
    )


def overall(record: Record, results: Sequence[TargetResult]) -> tuple[Verdict, tuple[str, ...]]:
    if record.broken:
        return Verdict.INVALID, (f"The load generator did not end by itself ({record.state}).",)
    if record.run.validity is None and not record.running:
        return Verdict.INVALID, ("The record does not say whether its numbers can be trusted: measure again.",)
    if problems := record.run.problems:
        return Verdict.INVALID, tuple(f"{trust.problem} {trust.advice}" for trust in problems)
    if record.measured is None:
        return Verdict.INCONCLUSIVE, (f"The run ended before anything could be measured ({record.state}).",)
    if failed := _with(Verdict.FAIL, results):
        return Verdict.FAIL, tuple(map(_why, failed))
    reasons = tuple(map(_why, _with(Verdict.INCONCLUSIVE, results)))
    if record.running:
        return Verdict.INCONCLUSIVE, ("The run is still going on: this is what it has measured so far.", *reasons)
    if not record.complete:
        return Verdict.INCONCLUSIVE, (f"The run was cut short ({record.state}).", *reasons)
    if unmeasured := _with(Verdict.ERROR, results):
        return Verdict.ERROR, tuple(f"{_why(result)}: {_advice(result)}." for result in unmeasured)
    return (Verdict.INCONCLUSIVE, reasons) if reasons else (Verdict.PASS, ())


def _advice(result: TargetResult) -> str:
    return (_MAKE_SAMPLES if result.unit == "ms" else _NAME_THE_SOURCE).format(key=result.key)


def _with(verdict: Verdict, results: Sequence[TargetResult]) -> list[TargetResult]:
    return [result for result in results if result.verdict is verdict]


def _why(result: TargetResult) -> str:
    if result.verdict is not Verdict.FAIL or result.measured is None:
        return f"{result.title}: {result.note}"
    bound = "at most" if result.better == "lower" else "at least"
    measured = f"{result.measured:.4g} {result.unit}"
    return f"{result.title}: {measured}, {bound} {result.limit:.4g} {result.unit} wanted ({result.note})"


def judged_target(key: str, target: Target, record: Record) -> TargetResult:
    limit = target.limit_at(record.run.scenario.population.users)
    measurement = _TARGET_METRICS[target.metric](target, record)
    verdict, note = _verdict(target, limit, measurement)
    if not target.judged:
        verdict = Verdict.SKIPPED
    elif record.measured is None:
        verdict = Verdict.INCONCLUSIVE  # the run has not come that far: no fault of the target's
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
    if measurement.nothing:
        return Verdict.ERROR, measurement.note
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


def _latency(percentile: float | None, windows: Windows) -> Measurement:
    assert percentile is not None
    count, failed = int(windows.successes.sum()), int(windows.failed.sum())
    if not count and not failed:
        return Measurement(None, _NOTHING, nothing=True)
    failed_share = failed / (count + failed)
    needed = samples_needed(percentile)
    if count < needed:
        return Measurement(None, f"{count} samples, p{percentile:g} needs {needed} at least", failed_share)
    return Measurement(windows.percentile_ms(percentile), f"p{percentile:g} of {count:,}", failed_share)


def windows_of(target: Target, record: Record) -> Windows:
    """The windows of the stage that a latency target names."""
    stage = record.ramp if target.windows == "ramp" else record.measured
    return record.windows(target.samples, *(stage or (0, 0)))


def _values(target: Target, record: Record, column: str) -> list[float]:
    """A column of series.csv over the windows that the target asks for."""
    return record.all_values(column) if target.windows == "all" else record.measured_values(column)


def _from_values(values: list[float], statistic: Callable[[list[float]], float], note: str) -> Measurement:
    return Measurement(statistic(values), note) if values else Measurement(None, _NOTHING, nothing=True)


def _concurrent(target: Target, record: Record) -> Measurement:
    # Nobody with a session is 0 people, however many the generator started.
    for column in ("sockets", "users"):
        values = [value for value in _at_the_peak(record, column, target.windows == "all") if value is not None]
        if values:
            return _from_values(values, median, "median second")
    return Measurement(None, _NOTHING, nothing=True)


def _at_the_peak(record: Record, column: str, ramp_too: bool) -> list[float | None]:
    """A column in the seconds in which the load's stages are at their peak; in all where none is for a second."""
    start, end = (0.0, record.run.stopping_from or inf) if ramp_too else record.measured or (0.0, 0.0)
    curve, started = record.run.scenario.load.curve, record.run.started_at.timestamp()
    seconds, values = record.column("second", start, end), record.column(column, start, end)
    rows = [(second - started, value) for second, value in zip(seconds, values, strict=True) if second is not None]
    return [value for at_s, value in rows if curve.share(at_s + 0.5) >= _PEAK_SHARE] or [value for _, value in rows]


def _uptime(target: Target, record: Record) -> Measurement:
    up = seconds_up(target, record)
    return _from_values(up, lambda values: 100 * mean(values), f"of {len(up)} s")


def seconds_up(target: Target, record: Record) -> list[float]:
    """For each second 1 when the service was there: it answered the probe, or somebody's request succeeded."""
    span = (0.0, record.run.stopping_from or inf) if target.windows == "all" else record.measured or (0.0, 0.0)
    answered, requests, failures = (record.column(name, *span) for name in ("answered", "requests", "failures"))
    rows = zip(answered, requests, failures, strict=True)
    return [float(probe or (asked or 0) > (failed or 0)) for probe, asked, failed in rows if probe is not None]


def _failed(requests: Sequence[float], failures: Sequence[float]) -> Measurement:
    if not sum(requests):
        return Measurement(None, "no request was measured", nothing=True)
    return Measurement(100 * sum(failures) / sum(requests), f"{sum(failures):.0f} of {sum(requests):,.0f}")


_TARGET_METRICS: dict[str, Callable[[Target, Record], Measurement]] = {
    "latency_ms": lambda target, record: _latency(target.percentile, windows_of(target, record)),
    "concurrent_users": _concurrent,
    "database_queries_peak_per_s": lambda target, record: _from_values(
        _values(target, record, "database_queries"), max, ""
    ),
    "uptime_percent": _uptime,
    "failed_percent": lambda target, record: _failed(
        _values(target, record, "requests"), _values(target, record, "failures")
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
        return Measurement(None, _NOTHING)
    busiest = max(busy, key=lambda name: busy[name])
    return Measurement(busy[busiest], busiest)


def _share(hits: str, misses: str, record: Record) -> float | None:
    hit, missed = sum(record.measured_values(hits)), sum(record.measured_values(misses))
    return 100 * hit / (hit + missed) if hit + missed else None


def _cache_hits(_: Alert, record: Record) -> Measurement:
    redis, cdn = _share("cache_hits", "cache_misses", record), _share("cdn_hits", "cdn_misses", record)
    note = _NOTHING if redis is None else ""
    if cdn is not None:
        note = f"{note + '; ' if note else ''}CDN {cdn:.0f} %, empty at the start"
    return Measurement(redis, note)


def _pool(_: Alert, record: Record) -> Measurement:
    in_use, size = record.measured_values("mongo_in_use"), record.measured_values("mongo_pool_size")
    if not in_use or not size:
        return Measurement(None, _NOTHING)
    return Measurement(100 * max(in_use) / max(size), f"{max(in_use):.0f} of {max(size):.0f}")


def _column(column: str, statistic: Callable[[list[float]], float], note: str, record: Record) -> Measurement:
    return _from_values(record.measured_values(column), statistic, note)


_ALERT_METRICS: dict[str, Callable[[Alert, Record], Measurement]] = {
    "station_cpu_percent": _station_cpu,
    "machine_memory_percent": lambda _, record: _column("memory_percent", mean, "of the machine", record),
    "mongo_pool_percent": _pool,
    "api_latency_ms": lambda alert, record: _latency(
        alert.percentile, record.windows(API_SAMPLES, *(record.measured or (0, 0)))
    ),
    "error_percent": lambda _, record: _failed(record.measured_values("requests"), record.measured_values("failures")),
    "cache_hit_percent": _cache_hits,
    "open_sockets": lambda _, record: _column("sockets", median, "", record),
    "queue_backlog": lambda _, record: _column("queue_backlog", max, "at most", record),
}


def request_names(record: Record) -> list[str]:
    """The names of a run's requests: without what the generator says of itself."""
    return [name for name in record.names() if not matches(name, ("GENERATOR *", "SERVICE *"))]
