"""Messages that a server drops, doubles or reorders are each counted; none is invented."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from scenarios.children import end_with_parent

PAIRS, MESSAGES = 20, 100


def chatted(fault_share: float, messages: int = MESSAGES, hang_ups: int = 0) -> tuple[Counter[str], Counter[str]]:
    """(what the server did, what the clients counted)."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.proof.chat_server", str(fault_share), "7"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,
    ) as server:
        assert server.stdout
        host = f"http://127.0.0.1:{int(server.stdout.readline())}"
        clients = subprocess.run(
            [sys.executable, "-m", "tests.proof.chat_clients", host, str(PAIRS), str(messages), str(hang_ups)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        did, _ = server.communicate("tell\n", timeout=10)
    assert clients.returncode == 0, clients.stderr
    return Counter(json.loads(did)), Counter(json.loads(clients.stdout))


@pytest.mark.parametrize("fault_share", [0.0, 0.02, 0.3])
def test_every_fault_on_the_wire_is_counted_and_none_is_invented(fault_share: float) -> None:
    did, counted = chatted(fault_share)
    print(f"\nfaults {fault_share:.0%}: the server did {dict(did)}, counted: {dict(counted)}")
    assert did["sent"] == counted["sent"] == PAIRS * MESSAGES
    assert counted["lost"] == counted["message delivery: failed"] == did["drop"]
    assert counted["duplicated"] == did["double"]
    assert counted["reordered"] == did["swap"]
    assert counted["delivered"] == did["sent"] - did["drop"]
    assert fault_share == 0 or min(did.values()) > 0, "else this proof could not fail"


def test_who_is_thrown_out_comes_back_and_misses_nothing() -> None:
    """Every 40th message throws its receiver out and is not passed on: only history has it.

    The first one of a conversation among them, between two of whom every other pair was not told of the match. Every
    third had matched before: what they wrote then is no delivery of now.
    """
    did, counted = chatted(0.0, messages=120, hang_ups=40)
    hang_ups = 3 * PAIRS
    print(f"\n{hang_ups} sockets lost: counted {dict(counted)}")
    assert did["sent"] == counted["sent"] == counted["delivered"] == counted["message delivery"] == 120 * PAIRS
    assert (counted["lost"], counted["duplicated"], counted["reordered"]) == (0, 0, 0)
    # A connection that is lost is a failure, coming back is a sample of its own.
    assert 0 < counted["reconnect"] == counted["connection: failed"] <= hang_ups
    assert counted["reconnect: failed"] == 0
