"""`matchday verify` around its half hour of load, which is measured in docs/prediction.md and imagined here."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from capacity.prediction.result import Interval
from capacity.prediction.verify import Compared, Step, Verification
from cli import app, verifying
from tests.capacity.calibration.making import MIXES, made

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
