"""Writes what watches, from the limits of the shipped targets: `python -m reports.watching FOLDER`."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from reports.watching import cloudwatch, grafana, prometheus
from scenarios.files import replace_all
from scenarios.load import load

_MADE = "# Made from scenarios/targets.toml by `make schema`: change the limits there.\n"


def files() -> dict[str, str]:
    """By name."""
    alerts = load("phase-3").targets.alerts
    return {
        "prometheus.yml": _yaml(prometheus.configuration(["127.0.0.1:8000", "127.0.0.1:9100"], "alerts.yml")),
        "alerts.yml": _yaml(prometheus.rules(alerts)),
        "dashboard.json": json.dumps(grafana.board(alerts), indent=2, ensure_ascii=False) + "\n",
        "alarms.yml": _yaml(cloudwatch.template(alerts)),
    }


class _Plain(yaml.SafeDumper):
    """Without aliases: CloudFormation knows none."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(content: dict[str, Any]) -> str:
    return _MADE + yaml.dump(content, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    replace_all({Path(sys.argv[1]) / name: text for name, text in files().items()})
