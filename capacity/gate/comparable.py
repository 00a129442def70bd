"""Whether two runs may be compared at all: the same scenario, people, behaviour, load and machine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from loadtests.record import Machine, Record, Run
from scenarios.outcome import UsageError

# What may differ when somebody says so: --allow takes these words.
KINDS = ("scenario", "population", "traffic", "load", "machine")


@dataclass(frozen=True)
class Difference:
    """Something that makes two runs another experiment."""

    kind: str
    text: str


def differences(one: Record, other: Record) -> Iterator[Difference]:
    """In which respects `other` is another experiment than `one`."""
    a, b = one.run.scenario, other.run.scenario
    where = f"{other.folder} against {one.folder}"
    if a.name != b.name:
        yield Difference("scenario", f"{where}: scenario {b.name}, not {a.name}")
    for kind, left, right in (
        ("population", a.population.model_dump(), b.population.model_dump()),
        ("traffic", a.traffic.model_dump(exclude={"sources"}), b.traffic.model_dump(exclude={"sources"})),
        ("load", _load(one.run), _load(other.run)),
    ):
        if changed := list(_changed(left, right)):
            yield Difference(kind, f"{where}: {'; '.join(changed[:3])}{' ...' if len(changed) > 3 else ''}")
    if not one.run.machine.alike(other.run.machine):
        yield Difference("machine", f"{where}: {_named(other.run.machine)}, not {_named(one.run.machine)}")


def fingerprint(run: Run) -> str:
    """Population, traffic and load in short: runs with the same one were asked the same."""
    scenario = run.scenario
    asked = f"{scenario.population!r}{scenario.traffic.model_dump(exclude={'sources'})}{_load(run)}"
    return sha256(asked.encode()).hexdigest()[:16]


def check_kinds(allowed: Iterable[str]) -> None:
    """Raises UsageError for a word that --allow does not take."""
    if unknown := sorted(set(allowed) - set(KINDS)):
        raise UsageError(f"--allow takes {', '.join(KINDS)}; got {unknown[0]!r}.")


def unlike(records: Iterable[Record], like: Record, allowed: Iterable[str]) -> list[str]:
    """What speaks against comparing these records with `like`, without what is allowed to differ."""
    permitted = set(allowed)
    return [d.text for record in records for d in differences(like, record) if d.kind not in permitted]


def _load(run: Run) -> dict[str, Any]:
    return {"people": run.users_asked, **run.scenario.load.model_dump(exclude={"concurrent_users"})}


def _changed(one: Any, other: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from _changed(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    elif one != other:
        yield f"{path} {other!r}, not {one!r}"


def _named(machine: Machine) -> str:
    return f"{machine.cpus} x {machine.cpu_model} with {machine.memory_mb:,} MB"
