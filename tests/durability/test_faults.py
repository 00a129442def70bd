"""Whatever dies while people swipe and write: nothing that the backend has acknowledged is lost, doubled or disordered.

Each test prints how many acknowledged writes it has found again, and the longest time in which none was acknowledged.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import RedisCluster

from reference_app.stack import LocalStack
from tests.durability.drill import Drill, stack_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with stack_of("phase-3") as running:
        yield running


@pytest.fixture
def drill(stack: LocalStack, tmp_path: Path) -> Drill:
    return Drill(stack, tmp_path)


def test_nothing_happens(drill: Drill) -> None:
    """What the others are compared with."""
    kept, _ = drill.run(20, [])
    assert kept.longest_gap_s < 3


def test_redis_is_wiped(drill: Drill) -> None:
    def wipe() -> None:
        with RedisCluster.from_url(drill.stack.settings.redis_url) as cluster:
            cluster.flushall(target_nodes=RedisCluster.PRIMARIES)

    drill.run(25, [(10, wipe), (15, wipe), (20, wipe)])


@pytest.mark.parametrize("name", ["app-2", "match-1", "chat-1", "worker"])
def test_a_process_is_killed(drill: Drill, name: str) -> None:
    """What runs it elsewhere would start it anew; here that is the test, three seconds later."""
    server = drill.stack.server(name)
    drill.run(25, [(10, server.kill), (13, server.start)])


def test_the_primary_is_killed(drill: Drill) -> None:
    primary = drill.primary()
    kept, _ = drill.run(30, [(10, primary.kill), (22, primary.start)])
    assert kept.longest_gap_s < 15


def test_the_primary_is_paused(drill: Drill) -> None:
    """It neither answers nor refuses, and believes to be the primary when it comes back."""
    primary = drill.primary()
    pause, resume = (lambda: os.kill(primary.pid, signal.SIGSTOP)), (lambda: os.kill(primary.pid, signal.SIGCONT))
    kept, _ = drill.run(40, [(10, pause), (25, resume)])
    assert kept.longest_gap_s < 30


def test_the_load_balancer_is_killed(drill: Drill) -> None:
    proxy = drill.stack.server("proxy")
    drill.run(25, [(10, proxy.kill), (13, proxy.start)])


def test_apps_are_restarted_one_after_the_other(drill: Drill) -> None:
    """A release: no request fails, no message is lost, nobody waits."""
    kept, record = drill.run(45, [(8, drill.stack.roll)])
    failed = [f"{i.name} in second {i.second}" for i in record.intervals if i.failed]
    assert failed == [], f"{drill.exceptions_logged()}{drill.stack.server('proxy').log_end()}"
    assert kept.longest_gap_s < 3


def test_one_node_of_redis_is_gone_for_a_while(drill: Drill) -> None:
    """A third of the sessions, decks and channels with it; MongoDB has all but the channels, and the codes."""
    node = drill.stack.server("valkey-2")

    def back() -> None:
        node.start()
        node.wait_ready()

    kept, _ = drill.run(35, [(10, node.kill), (15, back)])
    assert kept.longest_gap_s < 5
