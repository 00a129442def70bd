"""Runs two backends in turn, or both at once: pairs of short runs next to each other in time. Decides nothing."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import psutil

from loadtests.launch import Launch, Live
from loadtests.record import Record
from scenarios.outcome import MatchdayError
from scenarios.stack_info import StackInfo

BASELINE, CANDIDATE = "baseline", "candidate"
_POLL_S = 0.1
_CLOCKS_DIFFER_S = 2.0  # a process's start counts from the boot, in whole seconds


# Begins to start a side's apps anew; what it returns waits until they are ready and the stack file names them.
Restart = Callable[[], Callable[[], None]]
RESTARTED_WITHIN_S = 60.0


class RestartError(MatchdayError):
    """A side of a duel did not come back."""


@dataclass(frozen=True)
class Side:
    """One of the two: the stack file that says where it is, or Locust's options that do."""

    name: str
    arguments: tuple[str, ...] = ()
    stack_file: Path | None = None
    restart: Restart | None = None


@dataclass(frozen=True)
class Pair:
    """Two runs next to each other."""

    baseline: Record
    candidate: Record


class Duel:
    """`pairs` yields until nobody asks any more; whoever stops asking ends the duel, and the runs are kept."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        sides: tuple[Side, Side],
        at_once: bool = False,
        follow: Callable[[str, Live], None] = lambda title, live: None,
        rng: Random | None = None,
    ) -> None:
        """`arguments` are Locust's, for both sides; `follow` hears how each run stands.

        Who goes first is thrown for each pair. That is what makes a test by permutation of signs valid, whatever the
        machine does: in a fixed order a database's checkpoint every 60 s met one side for ten pairs in a row.
        """
        self._rng = rng or Random()
        self._folder, self._arguments, self._sides = folder, tuple(arguments), sides
        self._at_once, self._follow = at_once, follow

    def pairs(self) -> Iterator[Pair]:
        """Raises GeneratorError when a run left no record."""
        number = 0
        while True:
            number += 1
            self._restart()
            turns = self._rng.sample(introduce(self._sides, self._folder), 2)
            groups = [turns] if self._at_once else [(side,) for side in turns]
            found: dict[str, Record] = {}
            for group in groups:
                found |= self._run(number, group)
            yield Pair(found[BASELINE], found[CANDIDATE])

    @property
    def restarts(self) -> bool:
        """Whether apps are started anew: those of both sides or of none, for a cold one is slower than a warm one."""
        return all(side.restart for side in self._sides)

    def _restart(self) -> None:
        """Both at once, before every pair: no two processes of the same code are equally fast."""
        if not self.restarts:
            return
        # Two sides that are one backend have one restart.
        waits = [restart() for restart in dict.fromkeys(side.restart for side in self._sides) if restart]
        for wait in waits:
            wait()

    def _run(self, number: int, group: Sequence[Side]) -> dict[str, Record]:
        """One run, or two at once."""
        launches: dict[str, Launch] = {}
        try:
            for side in group:
                folder = self._folder / f"{number:02}-{side.name}"
                folder.mkdir()
                launches[side.name] = Launch(folder, (*self._arguments, *side.arguments), side.stack_file)
            following = {name: launch.follow() for name, launch in launches.items()}
            while following:
                for name, lives in list(following.items()):
                    live = next(lives, None)
                    if live is None:
                        del following[name]
                    else:
                        self._follow(launches[name].folder.name, live)
        except BaseException:
            for launch in launches.values():
                launch.stop()
            raise
        return {name: Record.read(launch.folder) for name, launch in launches.items()}


def introduce(sides: Sequence[Side], folder: Path) -> list[Side]:
    """Tell each side's stack file what else of this duel runs on the machine: the other's servers are not foreign.

    Both are children of this process, or stand in the other's stack file. Copies go to `folder`.
    """
    infos = {side.name: StackInfo.read(side.stack_file) for side in sides if side.stack_file}
    pids = {name: {pid for s in info.stations.values() for pid in s.pids} for name, info in infos.items()}
    introduced = []
    for side in sides:
        if side.name not in infos:
            introduced.append(side)
            continue
        others = set().union(*(found for name, found in pids.items() if name != side.name)) - pids[side.name]
        file = folder / f"{side.name}.stack.json"
        infos[side.name].model_copy(update={"beside": (os.getpid(), *sorted(others))}).write(file)
        introduced.append(replace(side, stack_file=file))
    return introduced


def by_signal(file: Path) -> Restart | None:
    """How a backend that `matchday up` runs elsewhere is started anew; None when its stack file names no controller."""
    if StackInfo.read(file).controller is None:
        return None

    def restart() -> Callable[[], None]:
        before = StackInfo.read(file)
        assert before.controller is not None
        try:
            controller = psutil.Process(before.controller)
            # One that began at another time is somebody else with the same number; or a stranger wrote the file.
            began_at = before.controller_began_at or 0.0
            if abs(controller.create_time() - began_at) > _CLOCKS_DIFFER_S:
                raise psutil.NoSuchProcess(before.controller)
            controller.send_signal(signal.SIGHUP)
        except (psutil.Error, OSError) as error:
            raise RestartError(f"The `matchday up` that wrote {file} does not run any more.") from error

        def wait() -> None:
            deadline_s = time.monotonic() + RESTARTED_WITHIN_S
            while StackInfo.read(file).restarts == before.restarts:
                if time.monotonic() > deadline_s:
                    raise RestartError(f"The backend of {file} did not come back: see what its `matchday up` says.")
                time.sleep(_POLL_S)

        return wait

    return restart


def forget(folder: Path) -> None:
    """Remove the stack files of a duel: they hold the secrets of test senders."""
    for file in folder.glob("*.stack.json"):
        file.unlink()
