"""Charts of a gate: how much each latency changed, and where its history changed."""

from itertools import pairwise

from capacity.gate.baselines import Trend
from capacity.gate.cpu import ComparedCpu
from capacity.gate.relative import Compared, Comparison
from reports.charts import BLUE, GREEN, GREY, ORANGE, RED, chart, printable
from reports.gate_rows import compared_title
from scenarios.outcome import Verdict

_COLOURS = {Verdict.PASS: GREEN, Verdict.FAIL: RED}
_SHOWN_WITHIN = 0.5  # an interval that is wider leaves the chart; a change that does is an arrow at its edge


def changes(comparison: Comparison) -> str:
    """Every change with its interval, of CPU a request too; zero is a line."""
    rows: list[tuple[str, Compared | ComparedCpu, bool]] = [
        *((compared_title(row), row, row.decides) for row in comparison.quantities if row.change is not None),
        *((row.title, row, row is comparison.cpu[0]) for row in comparison.cpu),
    ]
    if not rows:
        return ""
    rows.reverse()
    with chart(height=0.7 + 0.22 * max(len(rows), 3)) as (axes, svg):
        for place, (_, row, strong) in enumerate(rows):
            warns = isinstance(row, ComparedCpu) and row.warns
            colour = ORANGE if warns else _COLOURS.get(row.verdict, GREY)
            middle, low, high = (
                100 * max(-_SHOWN_WITHIN, min(_SHOWN_WITHIN, value or 0.0)) for value in (row.change, row.low, row.high)
            )
            axes.plot([low, high], [place, place], color=colour, lw=2 if strong else 1)
            axes.plot([middle], [place], _marker(row.change or 0.0), color=colour, ms=5 if strong else 3)
        axes.axvline(0, color=GREY, lw=1)
        axes.set_yticks(range(len(rows)), [printable(title) for title, *_ in rows], fontsize=7)
        axes.set_xlabel("change of the candidate, %")
        axes.grid(axis="x", color="#E3E6EA")
        axes.grid(axis="y", visible=False)
    return svg()


def _marker(change: float) -> str:
    return "o" if abs(change) <= _SHOWN_WITHIN else ">" if change > 0 else "<"


def trend(history: Trend) -> str:
    """One point a run, with the level before and after each lasting change."""
    with chart(height=1.8) as (axes, svg):
        axes.plot(range(len(history.values_ms)), history.values_ms, "o-", color=BLUE, lw=1, ms=3)
        edges = [0, *(point.index for point in history.changes), len(history.values_ms)]
        for start, end in pairwise(edges):
            level = sum(history.values_ms[start:end]) / (end - start)
            axes.plot([start - 0.5, end - 0.5], [level, level], color=ORANGE, lw=1.5)
        for point in history.changes:
            axes.axvline(point.index - 0.5, color=RED, lw=1, ls="--")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("ms")
        axes.set_xlabel("runs, oldest first; dashed: a lasting change")
    return svg()
