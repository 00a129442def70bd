"""A dashboard for Grafana: a panel for each alert of targets.toml, with its limit as a line; then what people do."""

import json
from typing import Any

from grafana_foundation_sdk.builders import dashboard, timeseries
from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig, VizLegendOptions
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import GraphTresholdsStyleMode, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

from reports.watching.prometheus import JOB, recorded
from scenarios.schema import Alert

_SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
_UNITS = {"%": "percent", "ms": "ms"}
_WIDE, _HIGH, _COLUMNS = 8, 7, 3
# What people do, and what is left undone: title, unit, and a query for each line with its name.
_BUSINESS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("Requests", "reqps", {"{{status}}": f'sum by (status) (rate(matchday_request_seconds_count{{job="{JOB}"}}[2m]))'}),
    (
        "p95 by route",
        "s",
        {
            "{{route}}": "histogram_quantile(0.95, sum by (le, route) "
            f'(rate(matchday_request_seconds_bucket{{job="{JOB}"}}[2m])))'
        },
    ),
    (
        "Matches and messages",
        "cps",
        {
            "matches": f'sum(rate(matchday_matches_total{{job="{JOB}"}}[2m]))',
            "messages": f'sum(rate(matchday_messages_total{{job="{JOB}"}}[2m]))',
        },
    ),
    (
        "Committed together",
        "short",
        {
            "{{collection}}": "sum by (collection) "
            f'(rate(matchday_commit_documents_sum{{job="{JOB}"}}[2m])) / sum by (collection) '
            f'(rate(matchday_commit_documents_count{{job="{JOB}"}}[2m]))'
        },
    ),
    ("Jobs", "cps", {"{{kind}} {{outcome}}": f'sum by (kind, outcome) (rate(matchday_jobs_total{{job="{JOB}"}}[2m]))'}),
    (
        "Oldest job, dead letters",
        "short",
        {
            "seconds": f'max(matchday_queue_age_seconds{{job="{JOB}"}})',
            "dead letters": f'max(matchday_queue_dead_letters{{job="{JOB}"}})',
        },
    ),
)


def board(alerts: dict[str, Alert]) -> dict[str, Any]:
    """The dashboard's JSON, as Grafana imports it; the data source is asked for."""
    made = (
        dashboard.Dashboard("Matchday")
        .uid("matchday")
        .tags(["matchday"])
        .refresh("15s")
        .time("now-1h", "now")
        .with_variable(dashboard.DatasourceVariable("source").type("prometheus").label("Prometheus"))
    )
    panels = [_of_alert(key, alert) for key, alert in alerts.items()]
    panels += [_panel(title, unit, queries) for title, unit, queries in _BUSINESS]
    for panel in panels:
        made = made.with_panel(panel.height(_HIGH).span(_WIDE))
    found: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    return found


def _of_alert(key: str, alert: Alert) -> timeseries.Panel:
    panel = _panel(alert.title, _UNITS.get(alert.unit, "short"), {alert.title: recorded(key)}).description(alert.what)
    if alert.limit is None:
        return panel
    bad, good = ("red", "green") if alert.better == "lower" else ("green", "red")
    steps = [Threshold(value=None, color=good), Threshold(value=alert.limit, color=bad)]
    line = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    return panel.thresholds(line).thresholds_style(_dashed())


def _dashed() -> GraphThresholdsStyleConfig:
    return GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)


def _panel(title: str, unit: str, queries: dict[str, str]) -> timeseries.Panel:
    legend = VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = timeseries.Panel().title(title).unit(unit).min(0).datasource(_SOURCE).legend(legend).fill_opacity(8)
    for name, query in queries.items():
        panel = panel.with_target(Dataquery().expr(query).legend_format(name))
    return panel
