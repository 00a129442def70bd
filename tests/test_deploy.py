"""compose.yaml runs the same stack: no Docker engine here, so what can drift apart is compared instead."""

from pathlib import Path
from typing import Any

import yaml

from reference_app.settings import Settings
from reference_app.stack.apps import app
from reference_app.stack.proxy import compose_proxy

DEPLOY = Path("deploy")


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


def test_every_station_of_the_local_stack_is_a_service_and_listens_on_loopback() -> None:
    services = compose()
    assert {"mongo", "valkey", "aws", "app", "worker", "proxy", "population"} == set(services)
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_variable_is_a_setting() -> None:
    known = {f"MATCHDAY_{name.upper()}" for name in Settings.model_fields}
    for service in compose().values():
        given = {name for name in service.get("environment", {}) if name.startswith("MATCHDAY_")}
        assert given <= known


def test_the_proxy_is_configured_as_the_local_one() -> None:
    """`make schema` writes it anew."""
    assert compose_proxy() == (DEPLOY / "nginx.conf").read_text()


def test_the_app_is_started_as_the_local_one(tmp_path: Path) -> None:
    local = [str(part) for part in app(tmp_path, {}, "app-1", 8000).argv]
    assert compose()["app"]["command"] == ["python", *local[1:3], "--host", "0.0.0.0", *local[3:]]
