"""The report of a run: one HTML file that opens offline."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from capacity.costs.bill import PhaseBill
from capacity.demands import demands
from capacity.targets import Check, request_names
from loadtests.record import REPORT_FILE, Record
from reports import charts, costs_charts, figures
from scenarios.files import replace_all
from scenarios.texts import visible

templates = Environment(
    loader=PackageLoader("reports"),
    autoescape=True,  # names come from whoever wrote the record
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: visible(value) if type(value) is str else value,
)
templates.filters.update(
    number=figures.number, short=figures.short, usd=figures.usd, usd_range=figures.usd_range, cents=figures.cents
)
templates.globals["limit"] = figures.limit
templates.globals["duration"] = figures.duration


def write_report(record: Record, check: Check, bills: Sequence[PhaseBill]) -> Path:
    """Write report.html into the record's folder. Returns its path."""
    latencies = record.latencies()
    shown = {name: latencies[name] for name in request_names(record)}
    api_target = record.run.scenario.targets.targets.get("api_response_time")
    text = templates.get_template("run.html").render(
        run=record.run,
        state=record.state,
        check=check,
        latencies=shown,
        demands=demands(record),
        bills=bills,
        this_phase=record.run.scenario.phase,
        charts={
            "latency": charts.latency_over_time(record, api_target.limit if api_target else None),
            "users": charts.users_and_requests(record),
            "resources": charts.resources(record) if record.run.stations else "",
            "percentiles": charts.percentiles(shown) if any(x.p95 is not None for x in shown.values()) else "",
            "costs": costs_charts.plan_list_need(bills),
        },
    )
    path = record.folder / REPORT_FILE
    replace_all({path: text})
    return path
