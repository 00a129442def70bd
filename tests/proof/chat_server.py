"""A chat server with faults that are known: it drops, doubles and reorders messages, and says which.

Speaks what the backend speaks on /ws: message, ack, receipt. `python -m tests.proof.chat_server` prints its port; a
line on standard input makes it print what it did, as JSON.
"""

import asyncio
import json
import random
import sys
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

FAULTS = ("drop", "double", "swap")


class Chat:
    def __init__(self, fault_share: float, seed: int) -> None:
        self._rng = random.Random(seed)
        self._share = fault_share
        self._sockets: dict[str, ServerConnection] = {}
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._held: dict[str, dict[str, Any]] = {}  # sender -> a message that the next one is to overtake
        self._matched_at: dict[str, str] = {}
        self.history: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.did: Counter[str] = Counter()

    async def live(self, socket: ServerConnection) -> None:
        assert socket.request
        person = socket.request.path.rpartition("?ticket=")[2]
        self._sockets[person] = socket
        await self._introduce(person)
        while True:
            try:
                frame = json.loads(await socket.recv())
            except ConnectionClosed:
                return
            if frame["type"] == "message":
                await self._message(person, frame)
            elif frame["type"] == "delivered":
                await self._tell(self._other(frame["match_id"], person), {**frame, "type": "receipt"})

    def look_up(self, connection: ServerConnection, request: Request) -> Response | None:
        """`GET /history/MATCH/AFTER` and `GET /matches/PERSON`: what REST tells a client that was away."""
        found: list[dict[str, Any]]
        match request.path.split("/"):
            case ["", "history", match_id, after]:
                found = [message for message in self.history[match_id] if message["seq"] > int(after)]
            case ["", "matches", person]:
                found = [
                    {
                        "id": match_id,
                        "matched_at": at,
                        "with_profile": {"id": self._other(match_id, person)},
                        "last_message": None,
                        "last_seq": self._numbers[match_id],
                        "read_seq": 0,
                    }
                    for match_id, at in self._matched_at.items()
                    if person in match_id.split("+")
                ]
            case _:
                return None
        return connection.respond(HTTPStatus.OK, json.dumps(found))

    async def _introduce(self, person: str) -> None:
        """Two who are here are a match. Every other pair is not told: only REST says so.

        Every third pair has matched and written in an earlier run.
        """
        number = person[1:]
        one, other, match_id = f"a{number}", f"b{number}", f"a{number}+b{number}"
        if match_id in self._matched_at or not {one, other} <= self._sockets.keys():
            return
        now = datetime.now(UTC)
        if int(number) % 3 == 0:
            self._matched_at[match_id], self._numbers[match_id] = (now - timedelta(hours=1)).isoformat(), 1
            self.history[match_id].append(
                {"id": "md-earlier-1-1-1-0", "match_id": match_id, "seq": 1, "sender_id": one, "text": "Hi!"}
            )
            return
        self._matched_at[match_id] = now.isoformat()
        if int(number) % 2:
            await self._tell(one, {"type": "match", "match_id": match_id, "with_id": other})
            await self._tell(other, {"type": "match", "match_id": match_id, "with_id": one})

    async def _message(self, sender: str, frame: dict[str, Any]) -> None:
        match_id = frame["match_id"]
        self._numbers[match_id] += 1
        message = {**frame, "seq": self._numbers[match_id], "sender_id": sender}
        self.history[match_id].append(message)
        self.did["sent"] += 1
        await self._tell(sender, {"type": "ack", "match_id": match_id, "id": frame["id"], "seq": message["seq"]})
        receiver = self._other(match_id, sender)
        if frame["text"] == "hang up":
            if socket := self._sockets.pop(receiver, None):
                await socket.close(1011)  # the message is stored, and its receiver thrown out
            return
        fault = self._rng.choice(FAULTS) if self._rng.random() < self._share else ""
        if fault == "swap" and sender not in self._held and frame["text"] != "last":
            self._held[sender] = message
            return
        self.did[fault] += fault in ("drop", "double")
        for _ in range({"drop": 0, "double": 2}.get(fault, 1)):
            await self._tell(receiver, {"type": "message", "message": message})
        if held := self._held.pop(sender, None):
            self.did["swap"] += fault != "drop"  # overtaken by nothing that arrived: late, but in order
            await self._tell(receiver, {"type": "message", "message": held})

    async def _tell(self, person: str, frame: dict[str, Any]) -> None:
        if person in self._sockets:
            with suppress(ConnectionClosed):
                await self._sockets[person].send(json.dumps(frame))

    def _other(self, match_id: str, person: str) -> str:
        one, other = match_id.split("+")
        return other if one == person else one


async def main(fault_share: float, seed: int) -> None:
    chat = Chat(fault_share, seed)
    async with serve(chat.live, "127.0.0.1", 0, process_request=chat.look_up) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(json.dumps({kind: chat.did[kind] for kind in ("sent", *FAULTS)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2])))
