"""Whether runs can be calibrated; if not, a sentence names the missing measurement and the command that makes it."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from capacity.calibration.file import Calibration, CalibrationError
from capacity.calibration.observations import WINDOW_S, Observations
from loadtests.record import Record

MEASURE = "`matchday run calibration` measures 14 mixes in eight minutes; `matchday calibrate latest` reads them."
_APART = "calibrate each by itself, `matchday calibrate RUN --out FILE`."
# As many mixes as there are demands to tell apart at a station would fit anything.
MIXES_MIN, WINDOWS_MIN = 6, 30


def check_run(record: Record) -> None:
    run, name = record.run, record.folder.name
    if record.running:
        raise CalibrationError(f"{name} is still going on: wait until it has ended.")
    if not record.complete:
        raise CalibrationError(f"{name} {record.state}: demands are read from whole runs. {MEASURE}")
    if problems := run.problems:
        raise CalibrationError(f"{name} is invalid: {problems[0].problem} {problems[0].advice}")
    if not any(record.measured_values(f"cpu_cores_{station}") for station in run.stations):
        raise CalibrationError(
            f"{name} says nothing of the CPU of any station: run against a stack of your own, or name its processes "
            "with --stack (docs/watching.md)."
        )


def check_together(records: Sequence[Record]) -> None:
    if not records:
        raise CalibrationError(f"No run was named. {MEASURE}")
    folder, times = Counter(record.folder.resolve() for record in records).most_common(1)[0]
    if times > 1:
        raise CalibrationError(f"{folder.name} is named twice, and says nothing new the second time: name it once.")
    phases = sorted({record.run.scenario.phase for record in records})
    if len(phases) > 1:
        raise CalibrationError(
            f"These runs are of phases {' and '.join(map(str, phases))}, whose requests take other ways: {_APART}"
        )
    first = records[0]
    for record in records:
        name, like = record.folder.name, first.folder.name
        if not first.run.machine.alike(record.run.machine):
            raise CalibrationError(f"{name} was made on another machine than {like}: {_APART}")
        if set(first.run.stations) != set(record.run.stations):
            raise CalibrationError(f"{name} has the stations {_listed(record)}, {like} has {_listed(first)}: {_APART}")


def _listed(record: Record) -> str:
    return ", ".join(sorted(record.run.stations))


def check_windows(seen: Observations) -> None:
    rejected = ", ".join(f"{count} because {reason}" for reason, count in sorted(seen.rejected.items()))
    left_out = f" ({rejected} were left out)" if rejected else ""
    if (mixes := len(np.unique(seen.block))) < MIXES_MIN:
        raise CalibrationError(
            f"These runs have {mixes} {'mix' if mixes == 1 else 'mixes'} of actions{left_out}, {MIXES_MIN} are needed "
            f"at least: where all grows together nothing tells what one request costs. {MEASURE}"
        )
    if (windows := len(seen.block)) < WINDOWS_MIN:
        raise CalibrationError(
            f"These runs have {windows} windows of {WINDOW_S} s{left_out}, {WINDOWS_MIN} are needed at least: run "
            f"longer. {MEASURE}"
        )


def reference_work_ms(calibration: Calibration) -> float:
    """CPU of the reference work where it was calibrated. Raises CalibrationError where nobody measured it."""
    if calibration.reference_work_cpu_ms is None:
        raise CalibrationError(
            "This calibration does not say how fast its machine was, so it says nothing of other servers: no run of it "
            f"measured the reference work. {MEASURE}"
        )
    return calibration.reference_work_cpu_ms
