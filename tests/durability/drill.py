"""A phase's shape on real processes, load on it, and faults while the load runs."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from loadtests.launch import Launch
from loadtests.post import LOST_AFTER_S
from loadtests.record import Record
from reference_app.stack import LocalStack
from reference_app.stack.process import ServerProcess
from scenarios.load import load
from scenarios.people import PHONE_PREFIX
from tests.conftest import STRANGERS
from tests.durability.kept import Kept, compare
from tests.waiting import wait_for

PEOPLE = 400
USERS = 60
# Nothing of what these runs are about depends on how busy the machine is.
_LENIENT = ["targets.validity.foreign_cpu_cores=1000", "targets.validity.generator_cpu_percent=1000"]
_ONE_CITY = [f"population.users={PEOPLE}", 'population.cities=["Berlin"]']
SETTINGS = [*_ONE_CITY, *STRANGERS, *_LENIENT]

_TOKEN = r"(?<![\w+/-])[\w-]{43}(?![\w=+/-])"

# (seconds after the load began, what happens then)
Event = tuple[float, Callable[[], object]]


@dataclass
class Drill:
    """Runs load against a stack while events happen, and says what was kept."""

    stack: LocalStack
    folder: Path

    def run(self, hold_s: float, events: Sequence[Event]) -> tuple[Kept, Record]:
        """Raises AssertionError when an acknowledged write was lost, changed, doubled or put out of order.

        Likewise when a phone was shown a message twice. How many came later than ten seconds is printed: none, where
        the machine has nothing else to do and nothing was away for longer.
        """
        stack_file, journal = self.folder / "stack.json", self.folder / "journal"
        self.stack.info.write(stack_file)
        (self.folder / "run").mkdir()
        # People of the smoke test are in a hurry: as many writes in half a minute as otherwise in five.
        arguments = ["--scenario", "smoke", "--headless", "--users", str(USERS), "--journal", str(journal)]
        arguments += [part for s in (*SETTINGS, f"load.hold_s={hold_s}") for part in ("--set", s)]
        left = sorted(events, key=lambda event: event[0])
        launch = Launch(self.folder / "run", arguments, stack_file)
        try:
            for live in launch.follow():
                while left and live.elapsed_s >= left[0][0]:
                    left.pop(0)[1]()
        finally:
            launch.stop()
        assert not left, "the load ended before everything had happened"
        self.settle()
        record = Record.read(self.folder / "run")
        assert record.run.stopping_from
        kept = self.kept(journal, record.run.stopping_from)
        lost, twice = (int(sum(record.all_values(f"messages_{what}"))) for what in ("lost", "duplicated"))
        print(f"\n{kept}; {lost} messages later than 10 s, {twice} twice")
        assert kept.problems == []
        assert not (found := self.secrets_in_logs()), "\n".join(found)
        assert min(kept.checked[kind] for kind in ("swipe", "match", "message")) > 0
        assert twice == 0
        # Messages of the drills before are none of this one's, whoever catches up with what.
        slowest_s = record.latency(["WS message delivery"]).get_max_value() / 1e6
        assert slowest_s <= record.run.stopping_from - record.run.started_at.timestamp() + LOST_AFTER_S
        return kept, record

    def settle(self) -> None:
        """Return when every server runs, and the replica set has a primary and all its members."""
        for server in self.stack.servers:
            if not server.running:
                server.start()
            server.wait_ready()
        members = sum(server.name.startswith("mongod-") for server in self.stack.servers)
        wait_for(lambda: len(self.members("PRIMARY") + self.members("SECONDARY")) == members, "healthy replica set")
        assert self.members("PRIMARY")

    def kept(self, journal: Path, until: float) -> Kept:
        """After the sweep: it comes for likes that are five seconds old."""
        found = compare(journal, self.stack.settings, until)

        def nothing_is_wrong() -> bool:
            nonlocal found
            found = compare(journal, self.stack.settings, until)
            return not found.problems

        with suppress(AssertionError):  # said in full by the caller
            wait_for(nothing_is_wrong, "match for each mutual like")
        return found

    def secrets_in_logs(self) -> list[str]:
        """Lines of the backend's logs that show a phone number, a token or what somebody has written.

        Not of MongoDB's: on a machine that is slow enough it logs slow commands, with what they write.
        """
        with MongoClient[dict[str, Any]](self.stack.settings.mongo_url) as client:
            texts = client[self.stack.settings.mongo_database].messages.distinct("text")
        assert texts
        secret = re.compile("|".join([re.escape(PHONE_PREFIX), _TOKEN, *map(re.escape, texts)]))
        return [line for line in self._lines_logged() if secret.search(line)]

    def exceptions_logged(self) -> Counter[str]:
        """How often each was, of all processes of the backend."""
        events = (json.loads(line) for line in self._lines_logged() if line.startswith("{"))
        return Counter(event["exception"].splitlines()[-1] for event in events if event.get("exception"))

    def _lines_logged(self) -> Iterator[str]:
        for log in self.stack.folder.glob("*.log"):
            if not log.name.startswith("mongod"):
                yield from log.read_text(errors="replace").splitlines()

    def primary(self) -> ServerProcess:
        (found,) = self.members("PRIMARY")
        return found

    def members(self, state: str) -> list[ServerProcess]:
        """The mongods in that state, as the set sees itself."""
        with MongoClient[dict[str, Any]](self.stack.settings.mongo_url, serverSelectionTimeoutMS=20_000) as client:
            status = client.admin.command("replSetGetStatus")
        ports = {member["name"].rpartition(":")[2] for member in status["members"] if member["stateStr"] == state}
        mongods = [server for server in self.stack.servers if server.name.startswith("mongod-")]
        return [server for server in mongods if ports & {str(part) for part in server.argv}]


@contextmanager
def stack_of(phase: str, *settings: str) -> Iterator[LocalStack]:
    scenario = load(phase, [*SETTINGS, *settings])
    with LocalStack(scenario) as running:
        running.populate(scenario, lambda done, of: None)
        yield running
