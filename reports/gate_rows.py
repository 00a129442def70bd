"""What a gate says, as rows of words: the same in the terminal, in Markdown, in HTML and in JUnit."""

from collections.abc import Iterator
from dataclasses import dataclass

from capacity.gate.absolute import Judged, Measured, RunGate
from capacity.gate.baselines import Trend
from capacity.gate.relative import Compared, Comparison
from capacity.gate.result import GateResult
from reports.figures import limit, number
from scenarios.outcome import Verdict


@dataclass(frozen=True)
class Row:
    """A line of the gate's table. `limit` is the last column before the verdict, `wanted` what would pass.

    `headline`: shown at once, though it decides nothing.
    """

    title: str
    value: str
    interval: str
    limit: str
    wanted: str
    verdict: Verdict
    warning: bool
    note: str
    decides: bool = True
    headline: bool = False

    @property
    def shown(self) -> bool:
        """At once; the others where somebody unfolds them."""
        return self.decides or self.headline or self.warning or self.verdict is Verdict.FAIL

    @property
    def verdict_text(self) -> str:
        return f"{self.verdict}, warning" if self.warning else str(self.verdict)


def rows(result: GateResult) -> Iterator[tuple[str, list[Row]]]:
    """A titled table a run, or one for the comparison."""
    for run in result.runs:
        yield run.run, [_judged(target) for target in run.targets]
    if result.comparison:
        runs = "{} and {} runs".format(*result.comparison.runs)
        title = f"{result.comparison.runs[0]} pairs" if result.comparison.paired else runs
        rule_out = f"by {result.rules.rule_out_share:.0%}"
        yield f"Candidate against baseline, {title}", list(_comparison(result.comparison, rule_out))


def columns(result: GateResult) -> tuple[str, str, str, str]:
    """The heads of the columns before the verdict."""
    if result.comparison:
        return "Latency", "Change", "95 % interval", "Baseline → candidate"
    return "Target", "Measured", f"{result.rules.confidence:.0%} interval", "Limit"


def _judged(target: Judged) -> Row:
    wanted = limit(target.limit, target.better, target.unit)
    return Row(
        target.title,
        number(target.measured, target.unit),
        interval(target.low, target.high, target.unit) if target.low is not None else "–",
        wanted,
        wanted,
        target.verdict,
        target.warning,
        target.note,
    )


def _comparison(comparison: Comparison, ruled_out: str) -> Iterator[Row]:
    for row in comparison.quantities:
        yield Row(
            compared_title(row),
            change(row.change),
            f"{change(row.low)} to {change(row.high)}" if row.low is not None else "–",
            f"{number(row.baseline)} → {number(row.candidate, 'ms')}" if row.baseline is not None else "–",
            f"no slowdown {ruled_out}",
            row.verdict,
            False,
            f"{row.note}{smallest(row)}",
            row.decides,
        )
    for cpu in comparison.cpu:
        yield Row(
            cpu.title,
            change(cpu.change),
            f"{change(cpu.low)} to {change(cpu.high)}" if cpu.low is not None else "–",
            f"{number(cpu.baseline)} → {number(cpu.candidate, 'ms')}",
            f"no increase {ruled_out}",
            cpu.verdict,
            cpu.warns,
            "surely more" if cpu.more else "",
            decides=False,
            headline=cpu is comparison.cpu[0],
        )
    if failed := comparison.failures:
        yield Row(
            "Failed requests",
            number(failed.candidate, "%"),
            interval(failed.low, failed.high, "%"),
            f"{number(failed.baseline)} → {number(failed.candidate, '%')}",
            limit(failed.limit, "lower", "%"),
            failed.verdict,
            False,
            failed.note,
        )


def compared_title(row: Compared) -> str:
    return row.title if row.percentile is None else f"{row.title}, p{row.percentile:g}"


def smallest(row: Compared) -> str:
    """The smallest slowdown that would have been seen, as a part of a sentence."""
    if row.change is None:
        return ""
    return f"; fails from {change(row.smallest_seen)}" if row.smallest_seen is not None else "; too noisy to ever fail"


def change(share: float | None) -> str:
    """A change in percent; one that is out of all proportion as a factor."""
    if share is None:
        return "–"
    return f"{share:+.1%}" if share < 2 else f"×{min(1 + share, 999):.3g}"


def interval(low: float | None, high: float | None, unit: str) -> str:
    """An open end says that the samples do not reach so far."""
    if low is None:
        return "–"
    return f"{number(low)} – {number(high, unit)}" if high is not None else f"from {number(low, unit)}"


def measured_rows(measured: tuple[Measured, ...]) -> list[tuple[str, ...]]:
    """Name, percentile, value, interval, count and failures of endpoints or stages."""
    return [
        (
            m.name,
            f"p{m.percentile:g}",
            number(m.measured, "ms"),
            interval(m.low, m.high, "ms") if m.measured is not None else "too few samples",
            f"{m.count:,}",
            f"{m.failed:,}",
        )
        for m in measured
        if m.count or m.failed
    ]


def trend_text(trend: Trend) -> str:
    """Where a target's history changed, in a sentence."""
    name = f"{trend.title}, p{trend.percentile:g}"
    if not trend.changes:
        return f"{name}: no lasting change in {len(trend.values_ms)} runs"
    found = [f"{p.change:+.1%} since {trend.runs[p.index]} ({p.before:.3g} → {p.after:.3g} ms)" for p in trend.changes]
    return f"{name}: {'; '.join(found)}"


def warm_up_text(run: RunGate) -> str:
    """How much of a run was left out at its start."""
    if run.warm_up_s is None:
        return f"{run.measured_s} s measured; it never became steady"
    return f"{run.measured_s} s measured, after {run.warm_up_s:g} s of warm-up"
