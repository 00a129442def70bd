"""How many members a replica set needs: phase 2 as the plan draws it has two, and they cannot elect a primary alone."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient, MongoClient, WriteConcern
from pymongo.errors import PyMongoError

from reference_app.platform.group_commit import Commits
from reference_app.platform.mongo import INDEXES, Document, now
from reference_app.stack import stores
from reference_app.stack.process import ServerProcess, free_port
from reference_app.swipes.schemas import Kind
from reference_app.swipes.store import SwipeStore
from tests.durability.drill import Drill, stack_of

pytestmark = pytest.mark.slow
AWAY_S = 12


def test_two_members_lose_nothing_but_wait_for_the_dead_one(tmp_path: Path) -> None:
    with stack_of("phase-2") as stack:
        drill = Drill(stack, tmp_path)
        primary = drill.primary()
        kept, _ = drill.run(35, [(8, primary.kill), (8 + AWAY_S, primary.start)])
    assert kept.longest_gap_s > AWAY_S - 1


def test_with_a_third_member_the_others_go_on(tmp_path: Path) -> None:
    with stack_of("phase-2", "infrastructure.mongodb_members=3") as stack:
        drill = Drill(stack, tmp_path)
        primary = drill.primary()
        kept, _ = drill.run(35, [(8, primary.kill), (8 + AWAY_S, primary.start)])
    assert kept.longest_gap_s < AWAY_S - 1


@contextmanager
def replica_set(folder: Path, members: int, arbiters: int) -> Iterator[tuple[str, list[ServerProcess]]]:
    """The URL of a set, and its processes in the order of their ports."""
    mongods = []
    try:
        for number in range(members + arbiters):
            mongods.append(mongod := stores.mongod(folder, number, free_port()))
            mongod.start()
            mongod.wait_ready()
        ports = [int(str(mongod.argv[mongod.argv.index("--port") + 1])) for mongod in mongods]
        yield stores.form_replica_set(ports[:members], ports[members:]), mongods
    finally:
        for mongod in mongods:
            mongod.kill()


@pytest.mark.parametrize(
    ("members", "arbiters", "primary_within_s", "majority"),
    [(2, 0, None, False), (2, 1, 15, False), (3, 0, 15, True)],
    ids=["two members", "two and an arbiter", "three members"],
)
def test_what_a_third_vote_changes_when_the_primary_dies(
    tmp_path: Path, members: int, arbiters: int, primary_within_s: float | None, majority: bool
) -> None:
    """An arbiter elects a primary, but holds no data: what is to be on the majority waits all the same."""
    with (
        replica_set(tmp_path, members, arbiters) as (url, mongods),
        MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=1000, retryWrites=False) as client,
    ):
        client.test.kept.insert_one({"_id": "before"})
        assert client.primary is not None
        next(m for m in mongods if str(client.primary[1]) in {str(part) for part in m.argv}).kill()
        died_s = time.monotonic()
        one = client.test.get_collection("kept", write_concern=WriteConcern(1))
        accepted = _written(lambda: one.insert_one({"_id": "on one"}), primary_within_s or 5)
        took_s = time.monotonic() - died_s
        print(f"\n{members} members, {arbiters} arbiters: a primary within {took_s:.1f} s: {accepted}")
        assert accepted is (primary_within_s is not None)
        kept = client.test.get_collection("kept", write_concern=WriteConcern("majority", wtimeout=3000))
        assert _written(lambda: kept.insert_one({"_id": "on the majority"}), 0) is majority


@pytest.mark.parametrize("grouped", [True, False])
async def test_a_retry_is_not_told_that_it_stands_before_the_majority_has_it(tmp_path: Path, grouped: bool) -> None:
    """The first try was cut off while it waited for the other member."""
    with replica_set(tmp_path, members=2, arbiters=0) as (url, mongods):
        async with AsyncMongoClient[Document](url, w="majority", timeoutMS=500) as client:
            db = client.test
            store = SwipeStore(db, Commits(db, grouped))
            with pymongo.timeout(30):
                await db.swipes.create_indexes(INDEXES["swipes"])
            primary = await client.primary
            assert primary is not None
            other = next(m for m in mongods if str(primary[1]) not in {str(part) for part in m.argv})
            os.kill(other.pid, signal.SIGSTOP)
            try:
                # In less than the two seconds after which it is no primary any more.
                with pytest.raises(PyMongoError):
                    await store.put("anna", "ben", Kind.LIKE, now())
                assert await store.get("anna", "ben")
                with pytest.raises(PyMongoError):
                    await store.put("anna", "ben", Kind.LIKE, now())
            finally:
                os.kill(other.pid, signal.SIGCONT)
            with pymongo.timeout(30):
                _, is_new = await store.put("anna", "ben", Kind.LIKE, now())
            assert not is_new


def _written(write: Any, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while True:
        try:
            write()
        except PyMongoError:
            if time.monotonic() > deadline:
                return False
        else:
            return True
