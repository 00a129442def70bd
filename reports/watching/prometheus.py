"""Rules for Prometheus: a recording rule for each alert of targets.toml, an alerting rule for each that has a limit."""

from typing import Any

from scenarios.schema import Alert

JOB = "matchday"  # of the apps and the worker, in the scrape configuration
PENDING = "5m"  # a minute's peak wakes nobody up
_WINDOW = "2m"  # eight scrapes
_OF_CLIENTS = 'route!~"/healthz|/readyz|/metrics"'
_REQUESTS = f'matchday_request_seconds_count{{job="{JOB}",{_OF_CLIENTS}}}'
_FAILED = f'matchday_request_seconds_count{{job="{JOB}",{_OF_CLIENTS},status=~"5.."}}'
_BUCKETS = f'matchday_request_seconds_bucket{{job="{JOB}",{_OF_CLIENTS}}}'


def recorded(key: str) -> str:
    """The series that an alert's key is recorded as."""
    return f"{JOB}:{key}"


def expression(alert: Alert) -> str:
    """The quantity of an alert in PromQL, from the metrics of our own processes."""
    match alert.metric:
        case "station_cpu_percent":  # a process can use one core
            return f'100 * max(rate(process_cpu_seconds_total{{job="{JOB}"}}[{_WINDOW}]))'
        case "machine_memory_percent":
            return f'max(matchday_machine_memory_percent{{job="{JOB}"}})'
        case "mongo_pool_percent":
            in_use, size = (f'matchday_mongo_{what}{{job="{JOB}"}}' for what in ("connections_in_use", "pool_size"))
            return f"100 * max({in_use} / {size})"
        case "api_latency_ms":
            share = (alert.percentile or 95) / 100
            return f"1000 * histogram_quantile({share:g}, sum by (le) (rate({_BUCKETS}[{_WINDOW}])))"
        case "error_percent":  # without a failure there is no such series
            failed = f"sum(rate({_FAILED}[{_WINDOW}])) or vector(0)"
            return f"100 * ({failed}) / sum(rate({_REQUESTS}[{_WINDOW}]))"
        case "cache_hit_percent":
            hits, misses = (
                f'sum(rate(matchday_cache_{what}_total{{job="{JOB}"}}[{_WINDOW}]))' for what in ("hits", "misses")
            )
            return f"100 * {hits} / ({hits} + {misses})"
        case "open_sockets":
            return f'sum(matchday_open_sockets{{job="{JOB}"}})'
        case "queue_backlog":
            return f'max(matchday_queue_backlog{{job="{JOB}"}})'


def rules(alerts: dict[str, Alert]) -> dict[str, Any]:
    """The content of a rule file."""
    recording = [{"record": recorded(key), "expr": expression(alert)} for key, alert in alerts.items()]
    alerting = [_alerting(key, alert) for key, alert in alerts.items() if alert.limit is not None]
    return {
        "groups": [
            {"name": f"{JOB}-recorded", "interval": "15s", "rules": recording},
            {"name": f"{JOB}-alerts", "interval": "15s", "rules": [*alerting, _gone()]},
        ]
    }


def alert_name(key: str) -> str:
    return f"Matchday{''.join(word.capitalize() for word in key.split('_'))}"


def _alerting(key: str, alert: Alert) -> dict[str, Any]:
    worse, side = (">", "above") if alert.better == "lower" else ("<", "below")
    return {
        "alert": alert_name(key),
        "expr": f"{recorded(key)} {worse} {alert.limit:g}",
        "for": PENDING,
        "labels": {"severity": "warning"},
        "annotations": {
            "summary": f"{alert.title}: {{{{ $value | humanize }}}} {alert.unit}, {side} {alert.limit:g}",
            "description": f"{alert.what[:1].upper()}{alert.what[1:]}.",
        },
    }


def _gone() -> dict[str, Any]:
    """What says nothing raises no other alert either."""
    return {
        "alert": "MatchdayDown",
        "expr": f'up{{job="{JOB}"}} == 0 or absent(up{{job="{JOB}"}})',
        "for": "1m",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.instance }} does not answer", "description": "Or none is scraped."},
    }


def configuration(targets: list[str], rule_file: str) -> dict[str, Any]:
    """A configuration to begin with: our processes, every 15 seconds."""
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": [rule_file],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": targets}]}],
    }
