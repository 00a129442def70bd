"""A tab of Locust's own web UI that shows the targets, through its extension points."""

import json
from typing import Any

from flask import Response, jsonify, request
from locust.env import Environment

from loadtests.recording.recent import RECENT_S, Recent
from scenarios.schema import Scenario
from scenarios.stages import people_problem

_KEY, _STATS, _SWARM = "targets", "/stats/requests", "/swarm"
_COLUMNS = {
    "title": "Target",
    "now": f"Last {RECENT_S} s",
    "limit": "Limit",
    "state": "State",
    "count": "Samples",
}


def show_targets(environment: Environment, recent: Recent, scenario: Scenario) -> None:
    """Add the tab, where there is a web UI."""
    web_ui = environment.web_ui
    if not web_ui or not web_ui.app:
        return
    structure = [{"key": key, "title": title} for key, title in _COLUMNS.items()]
    web_ui.template_args |= {
        "extendedTabs": [{"title": "Targets", "key": _KEY}],
        "extendedTables": [{"key": _KEY, "structure": structure}],
    }

    def add_targets(response: Response) -> Response:
        if request.path.endswith(_STATS) and response.is_json:
            targets = {"key": _KEY, "data": rows(recent, scenario)}
            response.set_data(json.dumps({**(response.json or {}), "extended_stats": [targets]}))
        return response

    web_ui.app.after_request(add_targets)


def refuse_impossible(environment: Environment) -> None:
    """What the web UI asks for is checked before a test starts: Locust itself takes any number of users."""
    web_ui = environment.web_ui
    if not web_ui or not web_ui.app:
        return

    def check() -> Response | None:
        if request.method != "POST" or not request.path.endswith(_SWARM):
            return None
        asked = request.form.get("user_count")
        try:
            problem = people_problem(int(asked)) if asked else None
        except ValueError:
            problem = f"got {asked!r}, which is no whole number."
        return jsonify(success=False, message=f"Number of users: {problem}") if problem else None

    web_ui.app.before_request(check)


def rows(recent: Recent, scenario: Scenario) -> list[dict[str, Any]]:
    """Each latency target as it is now."""
    found = []
    for target in scenario.targets.targets.values():
        if target.percentile is None or not target.judged or target.windows == "ramp":
            continue
        now_ms, count = recent.latency_ms(target.samples, target.percentile)
        state = "too few samples" if now_ms is None else "kept" if now_ms < target.limit else "OVER"
        found.append(
            {
                "title": f"{target.title}, p{target.percentile:g}",
                "now": "–" if now_ms is None else f"{now_ms:,.1f} {target.unit}",
                "limit": f"< {target.limit:,g} {target.unit}",
                "state": state,
                "count": count,
            }
        )
    return found
