"""Pairs of people who write each other over our sockets; prints what the post office counted, as JSON.

`python -m tests.proof.chat_clients HOST PAIRS MESSAGES HANG-UPS`; one message in HANG-UPS throws its receiver out. A
process of its own: gevent patches the standard library.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402  # after the patch
import sys  # noqa: E402
import urllib.request  # noqa: E402
from collections import Counter  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from loadtests import post as post_module  # noqa: E402
from loadtests.client import Match, match_of  # noqa: E402
from loadtests.post import Post  # noqa: E402
from loadtests.recording.clock import RunClock  # noqa: E402
from loadtests.sockets import Socket  # noqa: E402
from loadtests.wire import Frames, Letter  # noqa: E402

post_module.LOST_AFTER_S = 1.0  # else every proof would wait ten seconds for what was dropped


class PersonFrames(Frames):
    """The server of the proof takes a person's name for a ticket."""

    def __init__(self, host: str, person: str) -> None:
        self.host, self.person = host, person

    def address(self) -> tuple[str, list[str]]:
        return f"{self.host.replace('http', 'ws', 1)}/ws?ticket={self.person}", []


def main(host: str, pairs: int, messages: int, hang_ups: int) -> None:
    counted: Counter[str] = Counter()
    latencies_ms: list[float] = []

    def fire(name: str, latency_ms: float, problem: str | None) -> None:
        counted[f"{name}: failed" if problem else name] += 1
        if name == "message delivery" and not problem:
            latencies_ms.append(latency_ms)

    def count(column: str, amount: float = 1, /) -> None:
        counted[column.removeprefix("messages_")] += int(amount)

    @dataclass
    class Rest:
        person: str

        def history(self, match_id: str, after: int) -> list[Letter]:
            found = self._get(f"history/{match_id}/{after}")
            return [Letter(one["id"], one["match_id"], one["seq"], one["sender_id"]) for one in found]

        def matches(self) -> list[Match]:
            return [match_of(found) for found in self._get(f"matches/{self.person}")]

        def _get(self, path: str) -> list[dict[str, Any]]:
            with urllib.request.urlopen(f"{host}/{path}", timeout=10) as response:
                found: list[dict[str, Any]] = json.load(response)
            return found

    clock = RunClock()
    post = Post(fire, count, clock, "proof")

    def talk(number: int) -> None:
        one, other = f"a{number}", f"b{number}"
        post.meet(one, other)
        sockets = [
            Socket(PersonFrames(host, person), person, post, fire, clock, Rest(person)) for person in (one, other)
        ]
        assert all(socket.connect() for socket in sockets)
        for socket in sockets:
            for match in Rest(socket.person).matches():
                socket.has_listed(match)
        for turn in range(messages):
            text = "last" if turn == messages - 1 else "Hi!"
            if hang_ups and turn % hang_ups == 0:
                text = "hang up"
            sockets[0].send_message(f"{one}+{other}", other, text)
            gevent.sleep(0.001)
        gevent.sleep(1.5)

    gevent.joinall([gevent.spawn(talk, number) for number in range(pairs)], raise_error=True)
    post.count_lost()
    assert max(latencies_ms) < 1000, "a latency that no message had"
    print(json.dumps(counted))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
