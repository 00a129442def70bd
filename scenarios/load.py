"""Reads scenarios: TOML files, shared parts and command-line settings in; one `Scenario` or all errors out."""

import tomllib
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scenarios.costs import Plan
from scenarios.figures import PublishedFigures
from scenarios.files import MB, read_limited
from scenarios.growth import Growth
from scenarios.machines import Machines
from scenarios.outcome import UsageError
from scenarios.prices.aws import AwsQueries
from scenarios.prices.offers import Offers
from scenarios.schema import Scenario
from scenarios.texts import first, shown

_HOME = files("scenarios")
# Shared by every scenario; a scenario file may override any key of them.
_SHARED = {"traffic": "traffic.toml", "targets": "targets.toml"}
_PUBLISHED, _GROWTH, _MACHINES = "published.toml", "growth.toml", "machines.toml"
_NO_SCENARIOS = (*_SHARED.values(), _PUBLISHED, _GROWTH, _MACHINES)
# A calibration of the reference backend, for those who start no server: capacity/calibration/file.py reads it.
MEASURED = _HOME / "measured" / "reference-backend.json"
# What the phases' people do a second, by digest: cli/crowds.py writes and reads it.
BEHAVIOUR = _HOME / "measured" / "behaviour.json"
DOTS_MAX = 50
PHASES = ("phase-1", "phase-2", "phase-3")


class ScenarioError(UsageError):
    """A scenario that cannot be read. The text lists every problem, one a line, with file, key and remedy."""


def names() -> list[str]:
    """The scenarios that ship with Matchday."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in _HOME.iterdir()
        if entry.name.endswith(".toml") and entry.name not in _NO_SCENARIOS
    )


def load(scenario: str, settings: Sequence[str] = ()) -> Scenario:
    """Read a scenario by name (`phase-1`) or path (`my/own.toml`), then apply `key=value` settings.

    Raises ScenarioError with every problem at once.
    """
    source = _find(scenario)
    data = {"name": Path(source.name).stem} | _extended(_read(source), source.name)
    origin = dict.fromkeys(data, source.name)
    for key, file in _SHARED.items():
        data[key] = _merged(_read(_HOME / file), data.get(key, {}))
        origin[key] = file if origin.get(key) is None else f"{file} or {source.name}"
    for setting in settings:
        key = _apply(data, setting)
        origin[key.partition(".")[0]] = "--set"
    mixes = data.get("mixes", {})
    if isinstance(mixes, dict) and isinstance(data["traffic"], dict):  # else the schema refuses it with file and key
        data["mixes"] = {name: _merged(data["traffic"], mix) for name, mix in mixes.items()}
    return _validated(Scenario, data, lambda key: origin.get(key, source.name))


def load_all(scenarios: Sequence[str], settings: Sequence[str] = ()) -> list[Scenario]:
    """Several scenarios, in the order of their weeks. Raises ScenarioError with every problem of all of them."""
    found, problems = [], []
    for name in scenarios:
        try:
            found.append(load(name, settings))
        except ScenarioError as error:
            problems.append(str(error))
    names = [scenario.name for scenario in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"Two scenarios are called {name!r}: give one of the files another name.")
    if problems:
        raise ScenarioError("\n".join(problems))
    return sorted(found, key=lambda scenario: scenario.weeks)


def load_plan() -> Plan:
    """The plan's prices for 10,000 users."""
    source = _HOME / "prices" / "plan.toml"
    return _validated(Plan, _read(source), lambda _: "prices/plan.toml")


def load_offers() -> Offers:
    """What is sold by something else than a quantity, and what a bill assumes."""
    return _validated(Offers, _read(_HOME / "prices" / "offers.toml"), lambda _: "prices/offers.toml")


def load_aws_queries() -> AwsQueries:
    """How the AWS Price List API is asked for prices."""
    return _validated(AwsQueries, _read(_HOME / "prices" / "aws.toml"), lambda _: "prices/aws.toml")


def load_published() -> PublishedFigures:
    """What is known of how people use dating apps."""
    return _validated(PublishedFigures, _read(_HOME / _PUBLISHED), lambda _: _PUBLISHED)


def load_growth() -> Growth:
    """How many register, and how they become load."""
    return _validated(Growth, _read(_HOME / _GROWTH), lambda _: _GROWTH)


def load_machines() -> Machines:
    """What servers can do beside the one that was measured."""
    return _validated(Machines, _read(_HOME / _MACHINES), lambda _: _MACHINES)


def hours_of_day() -> tuple[float, ...]:
    """Load of each hour beside the busiest, from midnight: the scenario `day`."""
    return tuple(stage.share for stage in load("day").load.stages)


def _extended(data: dict[str, Any], file: str) -> dict[str, Any]:
    """A scenario on top of the one that it extends, if it does."""
    if "extends" not in data:
        return data
    base = data.pop("extends")
    if base not in names() or f"{base}.toml" == file:
        raise ScenarioError(f"{file}: extends: takes one of {', '.join(names())}, not itself; got {shown(base)}.")
    return _merged(_extended(_read(_HOME / f"{base}.toml"), f"{base}.toml"), data)


def _find(scenario: str) -> Traversable:
    if scenario in names():
        return _HOME / f"{scenario}.toml"
    path = Path(scenario)
    if path.suffix == ".toml" and path.is_file():
        return path
    raise ScenarioError(
        f"There is no scenario {scenario!r}. There are: {', '.join(names())}; or give the path of a .toml file."
    )


def _read(source: Traversable) -> dict[str, Any]:
    try:
        return _toml(source)
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, of an integer of thousands of digits
        raise ScenarioError(f"{source.name} is not valid TOML: {error}.") from error
    except OSError as error:
        raise ScenarioError(f"{source} cannot be read: {error.strerror}.") from error


def _toml(source: Traversable) -> dict[str, Any]:
    """Raises ValueError for what is no TOML, or would take minutes to be read as such."""
    content = read_limited(source, MB) if isinstance(source, Path) else source.read_bytes()
    text = content.decode("utf-8-sig")
    # The time that tomllib takes grows with the square of a key's parts.
    if any(line.rpartition("=")[0].count(".") > DOTS_MAX or _is_deep_table(line) for line in text.splitlines()):
        raise ValueError(f"a key has more than {DOTS_MAX} parts")
    return tomllib.loads(text)


def _is_deep_table(line: str) -> bool:
    return line.lstrip().startswith("[") and line.count(".") > DOTS_MAX


def _merged(base: dict[str, Any], over: Any) -> dict[str, Any]:
    """`over` on top of `base`, table by table."""
    if not isinstance(over, dict):
        return over  # type: ignore[no-any-return]  # the schema refuses it with file and key
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = _merged(base[key], value) if both else value
    return result


def _apply(data: dict[str, Any], setting: str) -> str:
    key, equals, text = setting.partition("=")
    if not equals or not all(key.split(".")):
        raise ScenarioError(f"--set takes key=value, for example --set load.hold_s=30; got {setting!r}.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text  # a bare word is a string
    *path, last = key.split(".")
    table = data
    for part in path:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ScenarioError(f"--set {key}: {part!r} is not a table, it has no keys below it.")
    table[last] = value
    return key


Model = TypeVar("Model", bound=BaseModel)


def _validated(model: type[Model], data: dict[str, Any], file_of: Callable[[str], str]) -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ScenarioError("\n".join(first(list(_sentences(error.errors(), model, file_of))))) from None


def _sentences(errors: Iterable[ErrorDetails], model: type[BaseModel], file_of: Callable[[str], str]) -> Iterable[str]:
    for error in errors:
        location = [str(part) for part in error["loc"]]
        key = ".".join(location) or "(file)"
        yield f"{file_of(location[0] if location else '')}: {key}: {_remedy(error, model, location)}"


def _remedy(error: ErrorDetails, model: type[BaseModel], location: list[str]) -> str:
    match error["type"]:
        case "extra_forbidden":
            allowed = _keys_at(model, location[:-1])
            return f"unknown key; allowed are: {', '.join(allowed)}." if allowed else "unknown key."
        case "missing":
            return "is missing."
        case "model_type" | "dict_type":
            return f"must be a table; got {shown(error['input'])}."
        case "is_instance_of" if error["ctx"].get("class") == "Decimal":
            return f"must be a number; got {shown(error['input'])}."
        case "value_error":
            return f"{error['msg'].removeprefix('Value error, ')}."
        case _:
            return f"{error['msg']}; got {shown(error['input'])}."


def _keys_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that the table at `path` may have; empty where it is not a table of fixed keys."""
    for part in path:
        if part.isdecimal():
            continue
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        if get_origin(inner) is tuple:
            inner = get_args(inner)[0]
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return sorted(model.model_fields)
