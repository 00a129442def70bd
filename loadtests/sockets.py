"""A person's WebSocket, and what it measures: delivery from one person to another, and match detection.

Named in the plural: Locust puts this folder on the path, where `socket` belongs to the standard library.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import gevent
from gevent.event import Event
from websocket import WebSocket, WebSocketException, create_connection

# fire(name, milliseconds, problem): a sample of "WS name", failed when there is a problem.
Fire = Callable[[str, float, str | None], None]

LOST_AFTER_S = 10.0  # thirty times the target: what has not come by then is counted as lost
CONNECT_TIMEOUT_S = 10.0
PING_EVERY_S = 25.0


def now_ms() -> float:
    return time.perf_counter() * 1000


@dataclass
class Sent:
    """A message under way."""

    at_ms: float
    receiver: str
    delivered: Event = field(default_factory=Event)


class Post:
    """What the people of one generator process have sent each other and not yet received.

    Sender and receiver read the same clock, so delivery is one way and exact. Likes are remembered to time
    match detection from the second one; a match counts when every socket that is here has heard of it.
    """

    def __init__(self, fire: Fire, alone: bool = True) -> None:
        """`alone`: no other generator process plays people of the same population."""
        self._fire = fire
        self._alone = alone
        self._sent: dict[str, Sent] = {}
        self._likes: dict[tuple[str, str], float] = {}
        self._matches: dict[str, tuple[float, set[str]]] = {}
        self._online: set[str] = set()
        self._numbers = count(1)
        self._run = f"{time.time_ns():x}"

    @property
    def online(self) -> int:
        """People with an open socket."""
        return len(self._online)

    def arrived(self, person: str) -> None:
        self._online.add(person)

    def left(self, person: str) -> None:
        """Whoever is gone receives nothing: that is no loss of the backend's."""
        self._online.discard(person)
        for message_id in [i for i, sent in self._sent.items() if sent.receiver == person]:
            del self._sent[message_id]
        for match_id, (_, waiting) in list(self._matches.items()):
            waiting.discard(person)
            if not waiting:
                del self._matches[match_id]

    def sending(self, receiver: str) -> tuple[str, Sent]:
        """A message goes out now. Returns its id, the same in every retry."""
        message_id = f"{self._run}-{next(self._numbers)}"
        self._sent[message_id] = sent = Sent(now_ms(), receiver)
        return message_id, sent

    def received(self, message_id: str) -> None:
        if sent := self._sent.pop(message_id, None):
            self._fire("message delivery", now_ms() - sent.at_ms, None)
            sent.delivered.set()

    def liking(self, swiper: str, target: str) -> None:
        """A like goes out now."""
        self._likes[swiper, target] = now_ms()

    def matched(self, match_id: str, person: str, other: str) -> None:
        """`person`'s socket heard of a match. The sample is the slower of the sockets that are here."""
        if match_id not in self._matches:
            second_like = self._second_like(person, other)
            if second_like is None:
                return
            self._matches[match_id] = second_like, {person, other} & self._online
        liked_at, waiting = self._matches[match_id]
        waiting.discard(person)
        if not waiting:
            del self._matches[match_id]
            self._likes.pop((person, other), None)
            self._likes.pop((other, person), None)
            self._fire("match detection", now_ms() - liked_at, None)

    def _second_like(self, person: str, other: str) -> float | None:
        """When the later of the two likes went out; None when it is not known here."""
        own, theirs = self._likes.get((person, other)), self._likes.get((other, person))
        if own is not None and theirs is not None:
            return max(own, theirs)
        # The other like is from before the run, unless somebody plays them here or in another process.
        return own if self._alone and other not in self._online else None

    def never_matched(self, one: str, other: str) -> None:
        """Both like each other, and in time neither heard of a match."""
        self._likes.pop((one, other), None)
        self._likes.pop((other, one), None)
        self._fire("match detection", LOST_AFTER_S * 1000, "neither side heard of it within 10 s")

    def count_lost(self) -> None:
        """Count what did not come in time as failed."""
        late = now_ms() - LOST_AFTER_S * 1000
        for message_id in [i for i, sent in self._sent.items() if sent.at_ms < late]:
            del self._sent[message_id]
            self._fire("message delivery", LOST_AFTER_S * 1000, "not delivered within 10 s")
        for match_id in [i for i, (at, _) in self._matches.items() if at < late]:
            del self._matches[match_id]
            self._fire("match detection", LOST_AFTER_S * 1000, "only one side heard of it within 10 s")


class Socket:
    """One person's connection. Reading has a greenlet of its own; times are taken right after `recv`."""

    def __init__(self, host: str, token: str, person: str, post: Post, fire: Fire) -> None:
        self.person = person
        self._post, self._fire = post, fire
        self._url = host.replace("http", "ws", 1) + "/ws"
        self._headers = [f"Authorization: Bearer {token}"]
        self._socket: WebSocket | None = None
        self._reader: gevent.Greenlet | None = None
        self._matches: dict[str, tuple[Event, dict[str, str]]] = {}
        self._pinged = time.monotonic()

    @property
    def open(self) -> bool:
        return self._socket is not None

    def connect(self) -> bool:
        """Returns whether it worked; either way it is a sample of "WS connect"."""
        start = now_ms()
        try:
            self._socket = create_connection(self._url, header=self._headers, timeout=CONNECT_TIMEOUT_S)
        except (WebSocketException, OSError) as error:
            self._fire("connect", now_ms() - start, type(error).__name__)
            return False
        self._socket.settimeout(None)
        self._fire("connect", now_ms() - start, None)
        self._post.arrived(self.person)
        self._reader = gevent.spawn(self._read, self._socket)
        return True

    def close(self) -> None:
        socket, self._socket = self._socket, None
        self._post.left(self.person)
        if self._reader:
            self._reader.kill(block=False)
        if socket:
            socket.shutdown()  # type: ignore[no-untyped-call]

    def keep_alive(self) -> None:
        """Ping when it is time: presence ends without."""
        if time.monotonic() - self._pinged > PING_EVERY_S:
            self._pinged = time.monotonic()
            self._send({"type": "ping"})

    def send_message(self, match_id: str, receiver: str, text: str) -> Sent:
        message_id, sent = self._post.sending(receiver)
        self._send({"type": "message", "match_id": match_id, "id": message_id, "text": text})
        return sent

    def expect_match(self, other: str) -> tuple[Event, dict[str, str]]:
        """An event that is set, with the match's id in the dict, when this socket hears of a match with `other`."""
        return self._matches.setdefault(other, (Event(), {}))

    def _send(self, frame: dict[str, Any]) -> None:
        if self._socket:
            try:
                self._socket.send(json.dumps(frame))
            except (WebSocketException, OSError) as error:
                self._lost(error)

    def _read(self, socket: WebSocket) -> None:
        while True:
            try:
                text = socket.recv()
            except (WebSocketException, OSError) as error:
                self._lost(error)
                return
            if not text:
                self._lost(WebSocketException("closed"))
                return
            self._handle(json.loads(text))

    def _handle(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "message":
                message = frame["message"]
                self._post.received(message["id"])
                self._send({"type": "delivered", "match_id": message["match_id"], "seq": message["seq"]})
            case "match":
                self._post.matched(frame["match_id"], self.person, frame["with_id"])
                heard, match = self.expect_match(frame["with_id"])
                match["id"] = frame["match_id"]
                heard.set()
            case "error":
                self._fire("frame", 0.0, frame["code"])

    def _lost(self, error: Exception) -> None:
        if self._socket is not None:  # else we closed it ourselves
            self._socket = None
            self._post.left(self.person)
            self._fire("connection", 0.0, f"lost: {type(error).__name__}")
