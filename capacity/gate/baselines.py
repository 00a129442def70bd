"""Baselines: a folder of run records. The newest are what a gate compares with, all of them are the history."""

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from capacity.gate.absolute import judge
from capacity.gate.change_points import ChangePoint, change_points
from capacity.gate.comparable import check_kinds, unlike
from capacity.gate.quantities import Outcome, Quantity, outcome, percentile_carried, quantities
from loadtests.record import LATENCY_FILE, LOG_BYTES_MAX, RUN_FILE, SERIES_FILE, Record, RecordError
from scenarios.files import read_limited
from scenarios.outcome import UsageError, Verdict

BASELINES = Path("baselines")
# Otava looks at windows of 50, and a history of half a year of weekly releases is 26.
KEEP = 100
# What a gate compares with is what the backend is now: older releases than these may have been faster or slower.
NEWEST = 20
_STAMP = re.compile(r"^\d{8}T\d{6}(\.\d+)?Z-")
_UNFIT = (Verdict.INVALID, Verdict.ERROR, Verdict.FAIL)


def records_at(path: Path) -> list[Record]:
    """The record at a path, or all records in a folder of them, oldest first. Raises RecordError or UsageError."""
    if (path / RUN_FILE).exists() or not path.is_dir():
        return [Record.read(path)]
    folders = _folders(path)
    if not folders:
        raise UsageError(f"There is no run record in {path}; `matchday baseline update` puts some there.")
    return _oldest_first(map(Record.read, folders))


def newest_at(path: Path) -> list[Record]:
    """The record at a path, or the newest of those in a folder of them. Raises RecordError or UsageError."""
    return records_at(path)[-NEWEST:]


def history_at(folder: Path, left_out: list[str]) -> list[Record]:
    """The records of a history, oldest first; none before the first release.

    Years go into one: what another version of Matchday wrote holds no release up. Why it is not read is added to
    `left_out`.
    """
    found = []
    for one in _folders(folder):
        try:
            found.append(Record.read(one))
        except RecordError as error:
            left_out.append(str(error))
    return _oldest_first(found)


def update(
    folder: Path, records: Iterable[Record], allowed: Sequence[str], left_out: list[str], keep: int = KEEP
) -> tuple[int, int]:
    """Put runs into the history, and take the oldest out beyond `keep`. Returns how many were added and removed.

    Why a record that is there cannot be read is added to `left_out`; it stays where it is.

    Raises UsageError for a run that must not be compared with: invalid, cut short, with a target surely missed, or
    unlike those that are there. Nothing is changed then.
    """
    records = list(records)
    there = history_at(folder, left_out)
    like = there[-1] if there else records[0]
    check_kinds(allowed)
    problems = [problem for record in records if (problem := _unfit(record))] + unlike(records, like, allowed)
    if problems:
        raise UsageError(
            "The baseline stays as it is:\n  "
            + "\n  ".join(problems)
            + "\nMeasure again; --allow takes what may differ."
        )
    known = {identity(record) for record in there}
    added = {identity(record): record for record in records if identity(record) not in known}
    copies = [_copy(record, folder / identity(record)) for record in added.values()]
    everything = _oldest_first((*there, *copies))
    too_old = everything[: max(0, len(everything) - keep)]
    for record in too_old:
        shutil.rmtree(record.folder)
    return len(added), len(too_old)


def _folders(store: Path) -> list[Path]:
    """Of the records in a store: its own folders, and no links. Those are removed when they are old."""
    return [file.parent for file in store.glob(f"*/{RUN_FILE}") if not file.parent.is_symlink()]


def identity(record: Record) -> str:
    """The same for a run and its copy in a baseline: when it began, and the rest of its folder's name."""
    return f"{record.run.started_at:%Y%m%dT%H%M%S.%fZ}-{_STAMP.sub('', record.folder.name)}"


def _oldest_first(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.run.started_at)


def _unfit(record: Record) -> str:
    if not record.complete:
        return f"{record.folder}: {record.state}"
    try:
        found = judge(record)
    except RecordError as error:
        return str(error)
    return f"{record.folder}: {found.verdict}: {' '.join(found.reasons)}" if found.verdict in _UNFIT else ""


def _copy(record: Record, folder: Path) -> Record:
    """Only what is read again; whole or not at all."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        begun = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir()
        for name in (LATENCY_FILE, SERIES_FILE, RUN_FILE):
            (begun / name).write_bytes(read_limited(record.folder / name, LOG_BYTES_MAX))
        begun.rename(folder)
    except OSError as error:
        raise UsageError(f"The baseline in {folder.parent} cannot be written: {error.strerror}.") from error
    return replace(record, folder=folder)


@dataclass(frozen=True)
class Trend:
    """A target over the history and the newest runs: values (ms), the runs they come from, and where they changed."""

    key: str
    title: str
    percentile: float
    limit: float
    runs: tuple[str, ...]
    values_ms: tuple[float, ...]
    changes: tuple[ChangePoint, ...]


def trends(
    history: Sequence[Record], newest: Sequence[Record], allowed: Sequence[str], left_out: list[str]
) -> tuple[Trend, ...]:
    """Every latency target over the runs of the history that are like the newest one, and the newest.

    Why a damaged record is no part of it is added to `left_out`.
    """
    scenario = newest[-1].run.scenario
    wanted = [q for q in quantities(scenario, ()) if q.decides]
    known = {identity(record) for record in newest}
    alike = [r for r in history if identity(r) not in known and not unlike([r], newest[-1], allowed)]
    outcomes = []
    for record in _oldest_first((*alike, *newest)):
        try:
            if record.measured:
                outcomes.append(outcome(record, wanted))
        except RecordError as error:
            left_out.append(str(error))
    limits = {key: target.limit for key, target in scenario.targets.targets.items()}
    return tuple(trend for q in wanted if (trend := _trend(q, limits[q.key], outcomes)))


def _trend(quantity: Quantity, limit: float, outcomes: Sequence[Outcome]) -> Trend | None:
    samples = [run.samples[quantity.key] for run in outcomes]
    percentile = percentile_carried(quantity, [sample.count for sample in samples]) if samples else None
    if percentile is None:
        return None
    values = tuple(sample.at(percentile) for sample in samples)
    runs = tuple(Path(run.run).name for run in outcomes)
    return Trend(quantity.key, quantity.title, percentile, limit, runs, values, tuple(change_points(values)))
