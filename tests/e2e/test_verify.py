"""`matchday verify`: what it leaves and how it ends, its load imagined; and (slow) all of it, on real servers."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from capacity.prediction.result import Interval
from capacity.prediction.verify import Compared, Step, Verification
from cli import app, verifying
from loadtests.record import Record
from tests.capacity.calibration.making import MIXES, made
from tests.e2e.conftest import Shell, plain

FIGURE = Compared("requests_per_s", "Throughput", "requests/s", Interval(209, 206, 212), 208.0)


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(
    ("step", "code"),
    [
        (Step("phase-1-700", 700, 0.79, False, (FIGURE,)), 0),
        (Step("phase-1-700", 700, 0.79, False, (), "The generator was late."), 4),
    ],
)
def test_it_leaves_figures_and_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step, code: int, options: list[str]
) -> None:
    found = Verification("phase-1", 400, Interval(930, 676, 1021), (step,), None)
    monkeypatch.setattr(verifying._Verifying, "run", lambda *_: found)
    made(tmp_path / "mixes", MIXES[0], 1)
    command = ["verify", "phase-1", "--calibration", str(tmp_path / "mixes"), "--runs", str(tmp_path / "runs")]
    done = CliRunner().invoke(app, [*command, *options])
    assert done.exit_code == code
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "verification.json").read_text())["scenario"] == "phase-1"
    assert "predicted, then measured" in (folder / "verification.html").read_text()
    if options:
        assert json.loads(done.stdout)["calibrated_up_to_people"] == 400
    else:
        assert "phase-1: predicted from up to 400 people, then measured" in done.stdout
        assert str(folder) in done.stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("scenario", "cpus", "sentence"),
    [
        (
            "phase-2",
            1,
            "mixes is of phase 1, phase-2 of phase 2, whose requests take other ways: leave out --calibration",
        ),
        ("phase-1", 64, "mixes was made on another machine than this one. `matchday run calibration`"),
    ],
)
def test_mixes_of_elsewhere_are_refused_before_anything_is_measured(
    shell: Shell, scenario: str, cpus: int, sentence: str
) -> None:
    made(shell.runs / "mixes", MIXES[0], 1)
    file = shell.runs / "mixes" / "run.json"
    run = json.loads(file.read_text())
    run["machine"]["cpus"] = cpus
    file.write_text(json.dumps(run))
    done = shell.matchday("verify", scenario, "--calibration", "latest")
    assert done.code == 2
    assert sentence in plain(done.err)
    assert [path.name for path in shell.runs.iterdir()] == ["mixes"]


@pytest.mark.slow
def test_it_predicts_and_then_measures_on_real_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, in eight minutes instead of thirty: shorter stages and steps, one below the knee's half, one above."""
    monkeypatch.setattr(verifying, "_LOWER", (0.1,))
    monkeypatch.setattr(verifying, "_HIGHER", (0.2,))
    monkeypatch.setattr(verifying, "_HOLD_S", 25.0)
    runs = ["--runs", str(tmp_path)]
    CliRunner().invoke(app, ["run", "calibration", "--duration", "280s", "--set", "load.warm_up_s=4", *runs])
    (mixes,) = tmp_path.glob("*-calibration")
    done = CliRunner().invoke(app, ["verify", "phase-1", "--calibration", str(mixes), *runs, "--json"])
    assert done.exit_code == 0, done.output
    (folder,) = tmp_path.glob("*-verify-phase-1")
    (step,) = json.loads((folder / "verification.json").read_text())["steps"]
    # What was stored before the step was measured is what it is compared with.
    (stored,) = json.loads((folder / "prediction.json").read_text())
    throughput = next(figure for figure in step["figures"] if figure["key"] == "requests_per_s")
    assert throughput["predicted"] == stored["requests_per_s"]
    assert throughput["measured"] == pytest.approx(throughput["predicted"]["value"], rel=0.2)
    steps = [Record.read(path) for path in folder.glob("phase-1-*")]
    assert len(steps) == 2
    # No step met a cache that an earlier one had to fill: a few photos were uploaded while it ran.
    for record in steps:
        hits, misses = (sum(record.measured_values(column)) for column in ("cdn_hits", "cdn_misses"))
        assert hits > 9 * misses
    assert (folder / "verification.html").exists()
