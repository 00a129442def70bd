"""compose.yaml runs the same stack: no Docker engine here, so what can drift apart is compared instead."""

import re
from pathlib import Path
from typing import Any

import yaml

from reference_app.settings import Settings
from reference_app.stack.servers import app, nginx

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


def test_the_proxy_is_configured_as_the_local_one(tmp_path: Path) -> None:
    nginx(tmp_path, [8000], Settings(aws_endpoint_url="http://aws:4566"), 8080)
    local = (tmp_path / "nginx-8080" / "nginx.conf").read_text().replace("127.0.0.1:8000", "app:8000")
    local = local.replace("listen 127.0.0.1:8080", "listen 8080")

    def server(text: str) -> list[str]:
        return re.sub(r"[ \t]+", " ", text[text.index("map $http_upgrade") :]).split("\n")

    assert server(local) == server((DEPLOY / "nginx.conf").read_text())


def test_the_app_is_started_with_the_same_options(tmp_path: Path) -> None:
    local = [str(part) for part in app(tmp_path, {}, 1, 8000).argv]
    command = compose()["app"]["command"]
    for option in ("--loop", "--http", "--timeout-keep-alive", "--ws-per-message-deflate", "--ws-max-size"):
        assert local[local.index(option) + 1] == command[command.index(option) + 1]
