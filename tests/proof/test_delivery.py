"""Messages that a server drops, doubles or reorders are each counted; none is invented."""

import json
import subprocess
import sys

import pytest

from scenarios.children import end_with_parent

PAIRS, MESSAGES = 20, 100


@pytest.mark.parametrize("fault_share", [0.0, 0.02, 0.3])
def test_every_fault_on_the_wire_is_counted_and_none_is_invented(fault_share: float) -> None:
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
            [sys.executable, "-m", "tests.proof.chat_clients", host, str(PAIRS), str(MESSAGES)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        did, _ = server.communicate("tell\n", timeout=10)
    assert clients.returncode == 0, clients.stderr
    done, counted = json.loads(did), json.loads(clients.stdout)
    print(f"\nfaults {fault_share:.0%}: the server did {done}, counted: {counted}")
    assert done["sent"] == counted["sent"] == PAIRS * MESSAGES
    assert (counted.get("lost", 0), counted.get("duplicated", 0), counted.get("reordered", 0)) == (
        done["drop"],
        done["double"],
        done["swap"],
    )
    assert counted["delivered"] == done["sent"] - done["drop"]
    assert counted.get("message delivery: failed", 0) == done["drop"]
    assert fault_share == 0 or min(done.values()) > 0, "else this proof could not fail"
