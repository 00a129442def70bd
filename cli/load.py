"""How a command tells Locust what to do, and people how it goes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports.load_terminal import LoadScreen, Now, View
from scenarios.load import load
from scenarios.schema import Scenario, ValidityLimits

if TYPE_CHECKING:
    from loadtests.launch import Live
    from loadtests.record import Record

_PEOPLE_A_SECOND = 25.0  # that arrive in a ramp: a signing-in takes about 20 ms of the backend's CPU


def scenario_arguments(name: str, settings: Sequence[str]) -> list[str]:
    return ["--scenario", name, *(part for setting in settings for part in ("--set", setting))]


def ramp_s(people: int, least_s: float) -> float:
    """How long so many people take to come, no faster than a backend can let them in."""
    return max(least_s, people / _PEOPLE_A_SECOND)


def people_settings(people: int, least_ramp_s: float) -> list[str]:
    """A scenario with so many people."""
    return [f"load.concurrent_users={people}", f"load.ramp_s={ramp_s(people, least_ramp_s)}"]


def backend_arguments(host: str | None, client: Path | None, people: Path | None) -> list[str]:
    """Which backend, how it is spoken to, and as whom."""
    given = (("--host", host), ("--client", client), ("--people", people))
    return [part for option, value in given if value for part in (option, str(value))]


def distributed_arguments(processes: int) -> list[str]:
    """Locust's options for several processes; on a port of their own, for two runs at once must not mix."""
    from reference_app.stack.process import free_port

    port = str(free_port())
    bind = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]
    return ["--processes", str(processes), *bind]


def measured(
    folder: Path,
    name: str,
    settings: Sequence[str],
    arguments: Sequence[str],
    stack_file: Path | None,
    screen: LoadScreen,
) -> "Record":
    """Let Locust run a scenario, shown on a screen; its record goes to `folder`, which is empty or not there yet."""
    from loadtests.launch import Launch
    from loadtests.record import Record

    folder.mkdir(parents=True, exist_ok=True)
    resolved = load(name, settings)
    launch = Launch(folder, [*scenario_arguments(name, settings), *arguments], stack_file)
    try:
        for live in launch.follow():
            show_load(screen, live, resolved)
    except BaseException:
        launch.stop()
        raise
    return Record.read(folder)


def show_load(screen: LoadScreen, live: "Live", scenario: Scenario) -> None:
    """How a run stands: not once everybody has been sent home and the record is being closed."""
    if live.users and screen.due:
        screen.show(view_of(live, scenario))


def view_of(live: "Live", scenario: Scenario) -> View:
    wanted = scenario.targets
    targets = [target for target in wanted.targets.values() if target.percentile and target.judged]
    now = (
        Now(t.title, live.recent.latency_ms(t.samples, t.percentile or 0.0)[0], t.limit, t.unit)
        for t in targets
        if t.windows != "ramp"
    )
    return View(
        scenario.load.stage_at(live.elapsed_s),
        live.users,
        round(live.users_asked),
        live.requests_per_s,
        live.failures,
        min(live.elapsed_s, scenario.load.duration_s),
        scenario.load.duration_s,
        tuple(now),
        tuple(_doubts(live.generator, wanted.validity)),
    )


def _doubts(generator: dict[str, float], limits: ValidityLimits) -> Iterator[str]:
    """What this second says of the generator and its machine; the record judges all seconds together."""
    if generator.get("generator_drift_ms", 0.0) > limits.generator_drift_p99_ms:
        yield f"loop late {generator['generator_drift_ms']:.0f} ms"
    if generator.get("generator_cpu_percent", 0.0) > limits.generator_cpu_percent:
        yield f"generator at {generator['generator_cpu_percent']:.0f} %"
    if generator.get("foreign_cpu_cores", 0.0) > limits.foreign_cpu_cores:
        yield f"others take {generator['foreign_cpu_cores']:.1f} cores"
