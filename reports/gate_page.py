"""The page of a gate: one HTML file that opens offline. Apart from the run's, which need not load SciPy for it."""

from capacity.gate.result import GateResult
from reports import gate_charts, gate_rows
from reports.html import templates
from reports.markdown import how


def gate_page(result: GateResult) -> str:
    """The page of a gate, as one HTML file."""
    return templates.get_template("gate.html").render(
        result=result,
        tables=[
            (title, [row for row in found if row.shown], [row for row in found if not row.shown])
            for title, found in gate_rows.rows(result)
        ],
        columns=gate_rows.columns(result),
        runs={run.run: run for run in result.runs},
        how=list(how(result)),
        changes=gate_charts.changes(result.comparison) if result.comparison else "",
        trends=[(gate_rows.trend_text(trend), gate_charts.trend(trend)) for trend in result.trends],
        measured_rows=gate_rows.measured_rows,
        warm_up_text=gate_rows.warm_up_text,
    )
