"""How a command tells Locust what to do, and people how it goes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.terminal import Steps

if TYPE_CHECKING:
    from loadtests.launch import Live


def scenario_arguments(name: str, settings: Sequence[str]) -> list[str]:
    return ["--scenario", name, *(part for setting in settings for part in ("--set", setting))]


def distributed_arguments(processes: int) -> list[str]:
    """Locust's options for several processes; on a port of their own, for two runs at once must not mix."""
    from reference_app.stack.process import free_port

    port = str(free_port())
    bind = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]
    return ["--processes", str(processes), *bind]


def show_load(steps: Steps, live: "Live", duration_s: float) -> None:
    if not live.users:
        return  # everybody has been sent home: the record is being closed
    p95 = f"p95 {live.p95_ms:.0f} ms" if live.p95_ms else "p95 -"
    text = f"{live.users} people, {live.requests_per_s:.0f} requests/s, {live.failures} failed, {p95}"
    steps.show(text, min(live.elapsed_s, duration_s), duration_s)
