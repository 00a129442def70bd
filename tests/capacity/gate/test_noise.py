"""The noise floor: measured once, kept by machine and load, found again only for the same."""

from pathlib import Path

import numpy as np
import pytest

from capacity.gate.noise import check_noise_file, find_noise, measured_noise, store_noise
from scenarios.outcome import UsageError
from tests.loadtests.making import run_info

RNG = np.random.default_rng(1)
LEVELS = RNG.normal(0, 0.10, 400)  # what both runs of a pair share
BASELINE, CANDIDATE = ({"api": list(100 * np.exp(LEVELS + RNG.normal(0, 0.03, 400)))} for _ in range(2))


def test_it_is_the_spread_from_run_to_run_and_from_pair_to_pair() -> None:
    noise = measured_noise(run_info(), BASELINE, CANDIDATE)
    assert noise.of_a_run["api"] == pytest.approx(np.hypot(0.10, 0.03), rel=0.1)
    assert noise.of_a_pair["api"] == pytest.approx(0.03 * np.sqrt(2), rel=0.1)


def test_it_says_what_so_many_runs_cannot_tell() -> None:
    noise = measured_noise(run_info(), BASELINE, CANDIDATE)
    assert noise.least_change("api", (16, 16), True, 0.01) == pytest.approx(np.exp(2.33 * 0.0424 / 4) - 1, rel=0.15)
    assert noise.least_change("api", (5, 5), False, 0.01) == pytest.approx(
        np.exp(2.33 * 0.104 * np.sqrt(0.4)) - 1, rel=0.15
    )
    assert noise.least_change("GET /unknown", (16, 16), True, 0.01) == 0
    assert noise.factor_of_a_run("api", 0.95) == pytest.approx(np.exp(1.96 * 0.104), rel=0.05)


def test_it_is_kept_by_machine_and_load(tmp_path: Path) -> None:
    file, run = tmp_path / "runs" / "noise.json", run_info()
    assert find_noise(file, run) is None
    store_noise(file, measured_noise(run, BASELINE, CANDIDATE))
    newer = measured_noise(run, CANDIDATE, BASELINE)
    store_noise(file, newer)
    assert find_noise(file, run) == newer
    assert find_noise(file, run.model_copy(update={"users_asked": 7})) is None
    assert find_noise(file, run.model_copy(update={"machine": run.machine.model_copy(update={"cpus": 96})})) is None


@pytest.mark.parametrize("text", ["", "[", '[{"pairs": 1}]', "{}"])
def test_a_file_that_holds_none_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "noise.json"
    file.write_text(text)
    if text == "{}":
        assert find_noise(file, run_info()) is None
        return
    with pytest.raises(UsageError, match=r"holds no noise floor that can be read .* measure again"):
        find_noise(file, run_info())


def test_where_it_cannot_be_kept_is_known_before_the_work(tmp_path: Path) -> None:
    check_noise_file(tmp_path / "runs" / "noise.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="holds no noise floor that can be read"):
        check_noise_file(tmp_path / "file")
    with pytest.raises(UsageError, match="cannot be kept in"):
        check_noise_file(tmp_path)
    with pytest.raises(UsageError, match="cannot be kept in"):
        store_noise(tmp_path / "file" / "noise.json", measured_noise(run_info(), BASELINE, CANDIDATE))
