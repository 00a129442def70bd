"""What a run measured in each stage of its load, for loads that have several."""

from dataclasses import dataclass
from statistics import mean, median

from loadtests.record import Record
from loadtests.record.histograms import samples_needed


@dataclass(frozen=True)
class StageLatency:
    """A latency target in one stage: its percentile, None with too few samples; whether it keeps the limit."""

    title: str
    measured_ms: float | None
    kept: bool | None


@dataclass(frozen=True)
class StageResult:
    """A stage: from when to when since the start, to which share of the peak, and what was measured in it."""

    from_s: float
    to_s: float
    share: float
    people: float | None  # the median second
    requests_per_s: float | None
    failed_percent: float | None
    latencies: tuple[StageLatency, ...]


def stages(record: Record) -> tuple[StageResult, ...]:
    """Of a record whose load has two stages or more, as far as it came; of another none."""
    load, started = record.run.scenario.load, record.run.started_at.timestamp()
    if len(load.stages) < 2:
        return ()
    spans = zip(load.stages, load.stage_spans_s, strict=True)
    found = (_stage(record, stage.share, started, from_s, to_s) for stage, (from_s, to_s) in spans)
    return tuple(stage for stage in found if stage.requests_per_s is not None)


def _stage(record: Record, share: float, started: float, from_s: float, to_s: float) -> StageResult:
    start, end = started + from_s, min(started + to_s, record.run.stopping_from or started + to_s)
    people, requests, failures = (
        [value for value in record.column(name, start, end) if value is not None]
        for name in ("users", "requests", "failures")
    )
    return StageResult(
        from_s,
        to_s,
        share,
        median(people) if people else None,
        mean(requests) if requests else None,
        100 * sum(failures) / sum(requests) if sum(requests) else None,
        tuple(_latencies(record, start, end)),
    )


def _latencies(record: Record, start: float, end: float) -> list[StageLatency]:
    found = []
    for target in record.run.scenario.targets.targets.values():
        if target.metric != "latency_ms" or not target.judged or target.percentile is None:
            continue
        windows, measured_ms = record.windows(target.samples, start, end), None
        if int(windows.successes.sum()) >= samples_needed(target.percentile):
            measured_ms = windows.percentile_ms(target.percentile)
        kept = None if measured_ms is None else measured_ms < target.limit
        found.append(StageLatency(target.title, measured_ms, kept))
    return found
