"""Does one run meet its targets, and can one be sure? Each value with the interval that its windows allow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, inf, isinf

import numpy as np

from capacity.gate.intervals import Interval, percentile_interval, samples_for_certainty, share_interval
from capacity.gate.noise import NoiseFloor
from capacity.gate.warm_up import warm_up_windows
from capacity.targets import (
    API_SAMPLES,
    TargetResult,
    judged_target,
    overall,
    request_names,
    seconds_up,
    windows_of,
)
from loadtests.record import Record, RecordError, Windows, exactly
from loadtests.record.histograms import samples_needed
from scenarios.outcome import Verdict
from scenarios.schema import Target


@dataclass(frozen=True)
class Judged(TargetResult):
    """A target in one run, with the interval of its value.

    `low` and `high` are None where the value was counted, not sampled; `high` also where the samples are too few for
    an upper bound. `warning`: it passes, but not surely by the margin that is asked for.
    """

    percentile: float | None = None
    low: float | None = None
    high: float | None = None
    warning: bool = False


@dataclass(frozen=True)
class Measured:
    """An endpoint, or a target in a stage of the run: a percentile (ms) with its interval, and no limit."""

    name: str
    percentile: float
    count: int
    failed: int
    measured: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class RunGate:
    """One run, judged. `warm_up_s`: how much of the hold was left out; None when it never became steady."""

    run: str
    state: str
    verdict: Verdict
    reasons: tuple[str, ...]
    targets: tuple[Judged, ...]
    endpoints: tuple[Measured, ...] = field(default=())
    stages: tuple[Measured, ...] = field(default=())
    warm_up_s: float | None = None
    measured_s: int = 0

    @property
    def warnings(self) -> tuple[Judged, ...]:
        return tuple(target for target in self.targets if target.warning)


def judge(record: Record, noise: NoiseFloor | None = None, confidence: float | None = None) -> RunGate:
    """Judge a run by its scenario's targets, at the scenario's confidence unless another is given.

    Raises RecordError when not one request of it succeeded: that is no performance of a backend.
    """
    wanted = record.run.scenario.targets
    span, warm_up_s = _steady(record)
    judging = _Judging(record, span, confidence or wanted.gate.confidence, noise)
    targets = tuple(judging.judged(key, target) for key, target in wanted.targets.items())
    results = (*targets, judging.judged("failures", wanted.failures))
    verdict, reasons = overall(record, results)
    if verdict is Verdict.PASS and all(target.verdict is Verdict.SKIPPED for target in results):
        verdict, reasons = Verdict.ERROR, ("No target of this scenario is judged: there is nothing to pass.",)
    if warm_up_s is None and not _missed_whatever_comes(results) and verdict in _ABOUT_TARGETS:
        verdict, reasons = Verdict.INCONCLUSIVE, (_NEVER_STEADY, *reasons)
    endpoints = tuple(judging.measured(name, exactly(name), span) for name in request_names(record))
    return RunGate(
        str(record.folder),
        record.state,
        verdict,
        reasons,
        results,
        endpoints,
        tuple(judging.by_stage()),
        warm_up_s,
        span[1] - span[0],
    )


_NEVER_STEADY = (
    "The run never became steady: its latencies were still coming down in its second half. "
    "Give it a longer load.hold_s, or a longer load.warm_up_s."
)
_ABOUT_TARGETS = (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)
_ENDPOINT_PERCENTILE = 95.0


def _missed_whatever_comes(results: Sequence[TargetResult]) -> bool:
    """Latencies may still come down; what failed, or was not there, does not come back."""
    return any(target.verdict is Verdict.FAIL and target.unit != "ms" for target in results)


def _steady(record: Record) -> tuple[tuple[int, int], float | None]:
    """[from, to) of the seconds that are judged, and how long the warm-up before them was (see `judge`)."""
    if record.measured is None:
        return (0, 0), 0.0
    start, end = int(record.measured[0]), int(record.measured[1])
    if not record.windows(exactly(*request_names(record)), start, end).counts.any():
        raise RecordError(
            f"Not one request of {record.folder} succeeded: was the backend there? `matchday check` shows the failures."
        )
    cut = warm_up_windows(record.windows(API_SAMPLES, start, end).medians_ms())
    by_scenario = record.run.scenario.load.warm_up_s
    return (start + (cut or 0), end), None if cut is None else by_scenario + cut


@dataclass(frozen=True)
class _Judging:
    record: Record
    steady: tuple[int, int]
    confidence: float
    noise: NoiseFloor | None

    def judged(self, key: str, target: Target) -> Judged:
        result = judged_target(key, target, self.record)
        judged = Judged(**vars(result), percentile=target.percentile)
        if self.record.measured is None or result.verdict in (Verdict.ERROR, Verdict.SKIPPED):
            return judged
        match target.metric:
            case "latency_ms":
                return self._latency(judged, target)
            case "failed_percent":
                return self._failures(judged)
            case "uptime_percent":
                return self._uptime(judged, target)
        return judged

    def measured(
        self, name: str, samples: Sequence[str], span: tuple[float, float], percentile: float = _ENDPOINT_PERCENTILE
    ) -> Measured:
        """A percentile with its interval, no limit asked."""
        windows = self.record.windows(samples, *span)
        count, failed = int(windows.successes.sum()), int(windows.failed.sum())
        if count < samples_needed(percentile):
            return Measured(name, percentile, count, failed, None)
        interval = percentile_interval(windows, percentile, self.confidence)
        value = windows.percentile_ms(percentile)
        return Measured(name, percentile, count, failed, value, interval.low, _finite(interval.high))

    def by_stage(self) -> Iterator[Measured]:
        """Every latency target in each stage of the run."""
        if self.record.measured is None:
            return
        spans = {
            "ramp": self.record.ramp,
            "warm-up": (self.record.ramp[1], self.steady[0]),
            "hold": self.steady,
        }
        for target in self.record.run.scenario.targets.targets.values():
            for stage, span in spans.items():
                if target.percentile:
                    yield self.measured(f"{target.title}, {stage}", target.samples, span, target.percentile)

    def _latency(self, judged: Judged, target: Target) -> Judged:
        assert target.percentile
        windows = windows_of(target, self.record)
        if target.windows == "after warm-up":
            windows = windows.between(*self.steady)
        if target.each_s:
            return self._each(judged, target, windows, target.each_s)
        return self._in(windows, judged, target, self.confidence)

    def _in(self, windows: Windows, judged: Judged, target: Target, confidence: float) -> Judged:
        """The verdict over these windows: is the share of what is beyond the limit surely small, or surely not?

        A failure is slower than any limit. For the verdict the share is tested at the limit itself; the interval of
        the percentile is what people read.
        """
        assert target.percentile
        count, failed = int(windows.successes.sum()), int(windows.failed.sum())
        tried, allowed = windows.successes + windows.failed, 1 - target.percentile / 100
        if not tried.any():
            return replace(judged, verdict=Verdict.INCONCLUSIVE, note="nothing measured it after the warm-up")
        if count >= samples_needed(target.percentile):
            judged = self._with_interval(windows, judged, target.percentile, confidence)
        factor = self.noise.factor_of_a_run(judged.key, confidence) if self.noise else 1.0

        def beyond(limit: float) -> Interval:
            slow = windows.counts[:, windows.values_ms >= limit].sum(axis=1)
            return share_interval(slow + windows.failed, tried, confidence)

        if beyond(judged.limit * factor).low > allowed:
            by_failures = share_interval(windows.failed, tried, confidence).low > allowed
            note = f"{failed / int(tried.sum()):.1%} of them failed" if by_failures else judged.note
            return replace(judged, verdict=Verdict.FAIL, note=note)
        if beyond(judged.limit / factor).high < allowed:
            warning = judged.limit * self.record.run.scenario.targets.gate.warning_share
            return replace(judged, verdict=Verdict.PASS, warning=beyond(warning / factor).high >= allowed)
        needed = samples_for_certainty(target.percentile, confidence)
        if int(tried.sum()) < needed:
            note = f"{count} samples, p{target.percentile:g} needs {needed} to be sure of"
        elif failed and beyond(judged.limit).high >= allowed > share_interval(windows.failed, tried, confidence).low:
            note = f"{judged.note}, {failed} failed: the limit may be missed"
        else:
            note = f"{judged.note}: the limit may lie inside its interval"
        return replace(judged, verdict=Verdict.INCONCLUSIVE, note=note)

    def _with_interval(self, windows: Windows, judged: Judged, percentile: float, confidence: float) -> Judged:
        value = windows.percentile_ms(percentile)
        interval = percentile_interval(windows, percentile, confidence)
        if self.noise:
            interval = interval.widened(self.noise.factor_of_a_run(judged.key, confidence), value)
        note = f"p{percentile:g} of {int(windows.successes.sum()):,}"
        return replace(judged, measured=value, low=interval.low, high=_finite(interval.high), note=note)

    def _each(self, judged: Judged, target: Target, windows: Windows, each_s: int) -> Judged:
        """The worst of the stretches; each is as sure as it must be for all of them together to be sure."""
        end = windows.start + len(windows.counts)
        stretches = range(windows.start, end - each_s + 1, each_s)
        if not stretches:
            return replace(judged, verdict=Verdict.INCONCLUSIVE, note=f"shorter than one stretch of {each_s} s")
        confidence = 1 - (1 - self.confidence) / len(stretches)
        # The last one is as long as it must be for the end of the run to be judged, too.
        ends = [*stretches[1:], end]
        parts = [windows.between(*span) for span in zip(stretches, ends, strict=True)]
        found = [self._in(part, judged, target, confidence) for part in parts]
        worst = max(found, key=lambda j: (_GRAVITY.index(j.verdict), j.measured or 0.0))
        since_s = stretches[found.index(worst)] - windows.start
        at = f"worst of {len(stretches)} stretches of {each_s} s, from second {since_s}"
        return replace(worst, warning=any(j.warning for j in found), note=f"{worst.note}; {at}")

    def _failures(self, judged: Judged) -> Judged:
        requests, failures = (
            np.array([value or 0 for value in self.record.column(name, *self.steady)], np.int64)
            for name in ("requests", "failures")
        )
        if not requests.sum():
            return replace(judged, verdict=Verdict.INCONCLUSIVE, note="no request was measured after the warm-up")
        found = share_interval(failures, requests, self.confidence)
        interval = Interval(100 * found.low, 100 * found.high)
        judged = replace(
            judged,
            measured=100 * failures.sum() / requests.sum(),
            low=interval.low,
            high=interval.high,
            note=f"{failures.sum()} of {requests.sum():,}",
        )
        if interval.low >= judged.limit:
            return replace(judged, verdict=Verdict.FAIL)
        if interval.high < judged.limit:
            return replace(judged, verdict=Verdict.PASS)
        return replace(
            judged, verdict=Verdict.INCONCLUSIVE, note=f"{judged.note}: too few requests to be sure of the limit"
        )

    def _uptime(self, judged: Judged, target: Target) -> Judged:
        """Every second is seen, none is sampled; but one bad second weighs more in a short run than it may."""
        up = seconds_up(target, self.record)
        down = len(up) - sum(up)
        needed = ceil(1 / (1 - judged.limit / 100)) if judged.limit < 100 else inf
        if judged.verdict is not Verdict.FAIL:
            return judged
        if down == 1 and len(up) < needed < inf:
            note = f"one second of {len(up)}; only {needed:.0f} s can tell whether that is too many"
            return replace(judged, verdict=Verdict.INCONCLUSIVE, note=note)
        planned_s = self.record.run.scenario.load.hold_s
        if self.record.running and 100 * (1 - down / planned_s) >= judged.limit:
            note = f"{down:.0f} seconds so far, few enough for {planned_s:.0f} s"
            return replace(judged, verdict=Verdict.INCONCLUSIVE, note=note)
        return judged


_GRAVITY = (Verdict.SKIPPED, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.FAIL)


def _finite(value: float) -> float | None:
    return None if isinf(value) else value
