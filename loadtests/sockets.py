"""A person's WebSocket: connects, reconnects when it is lost, and tells the post office what comes.

Named in the plural: Locust puts this folder on the path, where `socket` belongs to the standard library.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from struct import unpack
from typing import Any, Protocol

import gevent
from gevent.event import Event
from gevent.queue import Queue
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential
from websocket import ABNF, WebSocket, WebSocketException, create_connection

from loadtests.client import Match, Refused
from loadtests.post import Clock, Fire, Post, Sent
from loadtests.reach import Reach
from loadtests.wire import CatchUp, Frames, Heard, Letter, Matched, Receipt, Refusal, Stored
from scenarios.messages import Header

CONNECT_TIMEOUT_S = 10.0
PING_EVERY_S = 25.0
# A client that is thrown out comes back soon, but not with all the others at once, and not for ever.
BACK_AFTER_S, BACK_AFTER_AT_MOST_S, GIVE_UP_AFTER_S = 0.1, 5.0, 30.0
AGAIN_AFTER_S = 1.0  # a message that the backend could not store
CLOCKS_DIFFER = timedelta(seconds=2)  # the backend's and ours: what is older by more was there before
SESSION_ENDED = 4401  # the backend's close code: coming back with the same token is no use
GOING_AWAY = 1001
RESTARTS = 1012  # the server is about to end, and says so: that is no failure, coming back late would be
_BROKEN = (WebSocketException, OSError)


class Rest(Protocol):
    """What REST tells somebody who was away; each ends the catching up when it raises."""

    def history(self, match_id: str, after: int) -> list[Letter]:
        """The messages of a match after the one with that number."""

    def matches(self) -> list[Match]: ...


class Ears(Protocol):
    """Who wants to hear at once of what comes."""

    def heard_of_match(self, match_id: str, other_id: str) -> None: ...

    def heard(self, match_id: str, sender_id: str, header: Header, seq: int) -> None:
        """A message, once."""


class _Connection(WebSocket):
    def send_close(self, *arguments: Any, **more: Any) -> None:
        """The answer to a server that closes. That may be gone already: why it closed is what counts."""
        with suppress(*_BROKEN):
            super().send_close(*arguments, **more)


class Socket:
    """One person's connection. Reading has a greenlet of its own; times are taken right after `recv`."""

    def __init__(
        self,
        frames: Frames,
        person: str,
        post: Post,
        fire: Fire,
        clock: Clock,
        rest: Rest,
        ears: Ears | None = None,
        reach: Reach | None = None,
    ) -> None:
        """`rest` is asked for what came while the socket was lost. Without `ears` messages wait in inboxes."""
        self.person = person
        self._post, self._fire, self._clock, self._rest = post, fire, clock, rest
        self._ears, self._reach = ears, reach or Reach()
        self._frames = frames
        self._socket: WebSocket | None = None
        self._reader: gevent.Greenlet | None = None
        self._catching_up: gevent.Greenlet | None = None
        self._wanted = False
        self._settled = Event()  # clear while it is coming back
        self._settled.set()
        self._matches: dict[str, tuple[Event, dict[str, str]]] = {}
        self._inboxes: dict[str, Queue[Header]] = {}
        self._seen: dict[str, int] = {}  # match -> the backend's number of the last message
        self._listed: dict[str, int] = {}  # the same of matches that nothing was heard of since
        self._pinged_s = self._clock.monotonic_s()

    @property
    def open(self) -> bool:
        return self._socket is not None

    def connect(self) -> bool:
        """Returns whether it worked; either way it is a sample of "WS connect". Raises Refused before that."""
        address = self._frames.address()
        start_s = self._clock.monotonic_s()
        try:
            socket = self._connected(address)
        except _BROKEN as error:
            self._fire("connect", self._ms_since(start_s), type(error).__name__)
            return False
        self._fire("connect", self._ms_since(start_s), None)
        self._wanted = True
        self._post.arrived(self.person)
        self._socket = socket
        self._reader = gevent.spawn(self._live, socket)
        return True

    def settle(self) -> bool:
        """Wait while it is coming back. Returns whether it is open then."""
        self._settled.wait()
        return self.open

    def finish(self) -> None:
        """Wait until it has caught up: what is still asked for needs the session that is about to end."""
        self._wanted = False
        if self._catching_up:
            self._catching_up.join()

    def close(self) -> None:
        self._wanted = False
        socket, self._socket = self._socket, None
        self._post.left(self.person)
        if self._reader:
            self._reader.kill(block=False)
        if socket:
            socket.send_close(GOING_AWAY)  # as an app does that is put away: the backend need not think it dead
            socket.shutdown()  # type: ignore[no-untyped-call]  # websocket-client has no types here
        self._settled.set()

    def keep_alive(self) -> None:
        """Ping when it is time: presence ends without."""
        now_s = self._clock.monotonic_s()
        if now_s - self._pinged_s > PING_EVERY_S:
            self._pinged_s = now_s
            self._send(self._frames.ping())

    def send_message(self, match_id: str, receiver: str, text: str, turns_left: int = 0) -> Sent:
        sent = self._post.sending(self.person, receiver, match_id, text, turns_left)
        self._send_now(sent)
        return sent

    def expect_match(self, other: str) -> tuple[Event, dict[str, str]]:
        """An event that is set, with the match's id in the dict, when this socket hears of a match with `other`."""
        return self._matches.setdefault(other, (Event(), {}))

    def inbox(self, match_id: str) -> "Queue[Header]":
        """What comes in a conversation, each message once, in the order in which it came."""
        return self._inboxes.setdefault(match_id, Queue())

    def has_listed(self, match: Match) -> None:
        """REST tells of it, with all that was written before: an earlier session's, or an earlier run's."""
        self._listed.setdefault(match.id, match.last_seq)

    def knows(self, match_id: str) -> None:
        """When the socket is lost, what was written in this match after it was listed will be caught up with.

        From the moment that a match is known: its first message may be the one that comes while the socket is away.
        """
        self._seen.setdefault(match_id, self._listed.get(match_id, 0))

    def _connected(self, address: tuple[str, list[str]]) -> WebSocket:
        url, headers = address
        socket = create_connection(
            url,
            header=[*headers, *(f"{name}: {value}" for name, value in self._reach.headers.items())],
            timeout=CONNECT_TIMEOUT_S,
            suppress_origin=True,  # an app is no page; [connection] headers has one for those who want it
            class_=_Connection,
            sslopt=self._reach.socket_tls,
        )
        socket.settimeout(None)
        return socket

    def _live(self, socket: WebSocket | None) -> None:
        while socket:
            problem = self._read(socket)
            if not self._wanted:
                return
            self._settled.clear()
            self._socket = None
            socket.shutdown()  # type: ignore[no-untyped-call]  # a server may wait for our end to be closed
            self._post.away(self.person)
            if problem != f"closed {RESTARTS}":
                self._fire("connection", 0.0, f"lost: {problem}")
            socket = None if problem == f"closed {SESSION_ENDED}" else self._back()
        self._post.left(self.person)
        self._settled.set()

    def _back(self) -> WebSocket | None:
        """Connect again: a sample of "WS reconnect", from the loss to the open socket. None when it gives up."""
        lost_s, lost_at = self._clock.monotonic_s(), datetime.now(UTC)
        attempts = Retrying(
            retry=retry_if_exception_type((*_BROKEN, Refused)),
            wait=wait_random_exponential(multiplier=BACK_AFTER_S, max=BACK_AFTER_AT_MOST_S),
            stop=stop_after_delay(GIVE_UP_AFTER_S),
            sleep=gevent.sleep,
        )
        try:
            socket = attempts(lambda: self._connected(self._frames.address()))
        except RetryError:
            self._fire("reconnect", self._ms_since(lost_s), f"not back within {GIVE_UP_AFTER_S:.0f} s")
            return None
        self._fire("reconnect", self._ms_since(lost_s), None)
        self._socket = socket
        self._post.arrived(self.person)
        self._settled.set()
        for sent in self._post.send_again(self.person):
            self._send_now(sent)
        self._catch_up_since(lost_at)
        return socket

    def _catch_up_since(self, lost_at: datetime) -> None:
        # Beside the reading: what comes over the socket meanwhile must not wait for history.
        before = self._catching_up
        self._catching_up = gevent.spawn(self._catch_up, before, lost_at - CLOCKS_DIFFER, dict(self._seen))

    def _catch_up(self, before: gevent.Greenlet | None, since: datetime, seen: dict[str, int]) -> None:
        """`seen`: as it was when the socket was open again; what comes over it meanwhile may overtake what was lost."""
        if before:
            before.join()  # whoever waits for this one waits for all
        for match in self._rest.matches():
            if match.matched_at >= since:
                self._heard_of(match.id, match.other_id)
                seen.setdefault(match.id, 0)
            elif match.last_seq > self._listed.get(match.id, match.last_seq):
                seen.setdefault(match.id, self._listed[match.id])
        for match_id, after in seen.items():
            if not self._wanted:
                return
            for letter in self._rest.history(match_id, after):
                if letter.sender_id != self.person:
                    self._take(letter, from_history=True)

    def _send_now(self, sent: Sent) -> None:
        self.knows(sent.match_id)
        self._send(self._frames.message(sent.match_id, sent.id, sent.text))

    def _send_again(self, message_id: str) -> None:
        if self._wanted and (sent := self._post.to_be_sent_again(message_id)):
            self._send_now(sent)

    def _send(self, frame: str | None) -> None:
        if self._socket and frame is not None:
            try:
                self._socket.send(frame)
                self._post.carried("bytes_sent", frame)
            except _BROKEN:
                self._socket.shutdown()  # type: ignore[no-untyped-call]  # the reader notices, and comes back

    def _read(self, socket: WebSocket) -> str:
        """Handle what comes until the connection is lost. Returns why."""
        while True:
            try:
                opcode, data = socket.recv_data()
            except _BROKEN as error:
                return type(error).__name__
            if opcode == ABNF.OPCODE_CLOSE:
                return f"closed {unpack('!H', data[:2])[0]}" if len(data) >= 2 else "closed"
            self._post.carried("bytes_received", data)
            self._handle(self._frames.heard(data))

    def _handle(self, heard: Heard | None) -> None:
        match heard:
            case Letter():
                self._take(heard)
            case Stored(message_id, seq):
                self._post.stored(message_id, seq)
            case Receipt(match_id, seq):
                self._post.receipt(self.person, match_id, seq)
            case Matched(match_id, other_id):
                self._heard_of(match_id, other_id)
            case CatchUp(since):
                self._catch_up_since(since)
            case Refusal(code, message_id, again):
                self._fire("frame", 0.0, code)
                if again and message_id:
                    gevent.spawn_later(AGAIN_AFTER_S, self._send_again, message_id)

    def _heard_of(self, match_id: str, other: str) -> None:
        self._post.matched(match_id, self.person, other)
        self.knows(match_id)
        heard, match = self.expect_match(other)
        news = not heard.is_set()
        match["id"] = match_id
        heard.set()
        if self._ears and news:
            self._ears.heard_of_match(match_id, other)

    def _take(self, letter: Letter, from_history: bool = False) -> None:
        match_id, seq, sender = letter.match_id, letter.seq, letter.sender_id
        stranger = "" if self._post.have_met(self.person, sender) else self.person
        header = self._post.received(letter.id, from_history, stranger)
        self._seen[match_id] = max(seq, self._seen.get(match_id, 0))
        self._send(self._frames.delivered(match_id, seq))
        if header and self._ears:
            self._ears.heard(match_id, sender, header, seq)
        elif header:
            self.inbox(match_id).put(header)

    def _ms_since(self, start_s: float) -> float:
        return (self._clock.monotonic_s() - start_s) * 1000
