"""A duel runs both sides next to each other, changes who goes first, and leaves nothing behind when broken off."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import ClassVar

import pytest

from loadtests import duel
from loadtests.duel import BASELINE, CANDIDATE, Duel, RestartError, Side, by_signal, forget, introduce
from loadtests.launch import Live
from scenarios.children import end_with_parent
from scenarios.stack_info import StackInfo, Station
from tests.loadtests.making import healthy, write
from tests.waiting import wait_for

SIDES = (Side(BASELINE, ("--host", "http://a")), Side(CANDIDATE, ("--host", "http://b")))


class Launched:
    """Stands in for a run of Locust: takes two looks, leaves a record."""

    log: ClassVar[list[str]] = []

    def __init__(self, folder: Path, arguments: tuple[str, ...], stack_file: Path | None) -> None:
        self.folder, self._host = folder, arguments[-1]
        self.log.append(f"start {self._host}")

    def follow(self) -> Iterator[Live]:
        yield Live(1.0, 10, 10, 0, 10.0, 5.0)
        self.folder.rmdir()
        write(self.folder, 5, healthy)
        self.log.append(f"end {self._host}")

    def stop(self) -> bool:
        self.log.append(f"stop {self._host}")
        return True


@pytest.fixture(autouse=True)
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    Launched.log.clear()
    monkeypatch.setattr(duel, "Launch", Launched)
    return Launched.log


def test_who_goes_first_is_thrown_for_each_pair(tmp_path: Path, launched: list[str]) -> None:
    pairs = Duel(tmp_path, ["--headless"], SIDES, rng=Random(1)).pairs()
    made = [next(pairs) for _ in range(6)]
    started = "".join(line[-1] for line in launched if line.startswith("start"))
    assert {started[i : i + 2] for i in range(0, 12, 2)} == {"ab", "ba"}
    assert [line.split()[0] for line in launched[:4]] == ["start", "end", "start", "end"]
    assert [r.folder.name for r in (made[1].baseline, made[1].candidate)] == ["02-baseline", "02-candidate"]


def test_at_once_both_start_before_one_ends(tmp_path: Path, launched: list[str]) -> None:
    next(Duel(tmp_path, ["--headless"], SIDES, at_once=True).pairs())
    assert [line.split()[0] for line in launched] == ["start", "start", "end", "end"]


def test_whoever_interrupts_leaves_no_run_behind(tmp_path: Path, launched: list[str]) -> None:
    def interrupt(title: str, live: Live) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(Duel(tmp_path, ["--headless"], SIDES, at_once=True, follow=interrupt).pairs())
    assert sorted(launched[-2:]) == ["stop http://a", "stop http://b"]


def test_each_side_knows_whose_load_on_the_machine_is_not_foreign(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.json" for name in (BASELINE, CANDIDATE)}
    for pid, (name, file) in enumerate(files.items(), 100):
        StackInfo(host=f"http://{name}", stations={"app": Station(pids=(pid,), cores=1)}).write(file)
    folder = tmp_path / "duel"
    folder.mkdir()
    sides = introduce([Side(name, (), file) for name, file in files.items()], folder)
    assert [StackInfo.read(side.stack_file).beside[-1] for side in sides if side.stack_file] == [101, 100]
    forget(folder)
    assert list(folder.iterdir()) == []


def restarting(side: Side, log: list[str]) -> Side:
    def restart() -> Callable[[], None]:
        log.append(f"restart {side.name}")
        return lambda: log.append(f"ready {side.name}")

    return replace(side, restart=restart)


def test_both_sides_are_started_anew_before_each_pair(tmp_path: Path, launched: list[str]) -> None:
    baseline, candidate = (restarting(side, launched) for side in SIDES)
    next(Duel(tmp_path, ["--headless"], (baseline, candidate)).pairs())
    assert launched[:4] == ["restart baseline", "restart candidate", "ready baseline", "ready candidate"]


def test_one_backend_with_itself_is_started_anew_once(tmp_path: Path, launched: list[str]) -> None:
    baseline = restarting(SIDES[0], launched)
    next(Duel(tmp_path, ["--headless"], (baseline, replace(baseline, name=CANDIDATE))).pairs())
    assert [line for line in launched if "restart" in line] == ["restart baseline"]


def test_a_side_that_cannot_be_started_anew_keeps_the_other_from_it(tmp_path: Path, launched: list[str]) -> None:
    duel = Duel(tmp_path, ["--headless"], (restarting(SIDES[0], launched), SIDES[1]))
    next(duel.pairs())
    assert not duel.restarts
    assert not any("restart" in line for line in launched)


def test_who_runs_elsewhere_is_asked_by_signal_and_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    script = f"""
import os, signal
from pathlib import Path
import psutil
from scenarios.stack_info import StackInfo
def restart(number, frame):
    info.model_copy(update={{"restarts": 1}}).write(Path({str(file)!r}))
signal.signal(signal.SIGHUP, restart)
began_at = psutil.Process().create_time()
info = StackInfo(host="http://a", controller=os.getpid(), controller_began_at=began_at)
info.write(Path({str(file)!r}))
while True:
    signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", script], preexec_fn=end_with_parent) as controller:
        wait_for(file.exists, "stack file")
        restart = by_signal(file)
        assert restart
        restart()()
        assert StackInfo.read(file).restarts == 1
        controller.kill()
    with pytest.raises(RestartError, match="does not run any more"):
        restart()


@pytest.mark.parametrize("began_at", [None, 0.0], ids=["nobody says when it began", "another began long ago"])
def test_another_process_of_the_same_number_gets_no_signal(tmp_path: Path, began_at: float | None) -> None:
    file = tmp_path / "stack.json"
    with subprocess.Popen(["sleep", "60"], preexec_fn=end_with_parent) as stranger:
        StackInfo(host="http://a", controller=stranger.pid, controller_began_at=began_at).write(file)
        restart = by_signal(file)
        assert restart
        with pytest.raises(RestartError, match="does not run any more"):
            restart()
        assert stranger.poll() is None
        stranger.kill()


def test_a_backend_without_a_controller_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    StackInfo(host="http://a").write(file)
    assert by_signal(file) is None
