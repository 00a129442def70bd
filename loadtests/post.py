"""What the people of one generator process send each other, and what becomes of it.

A message's id carries where it comes from, its number and when it was sent, on the clock that all processes of a
generator share. So whoever receives it can time it, one way, and see by the numbers what came twice or out of order.
What did not come is missed by the sender's process, when it plays the receiver, too, or when no receipt comes; and by
the receiver's, when a later one came: the backend's receipts say "everything up to here".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from gevent.event import Event

from scenarios.messages import Header

# fire(name, milliseconds, problem): a sample of "WS name", failed when there is a problem.
Fire = Callable[[str, float, str | None], None]

LOST_AFTER_S = 10.0  # thirty times the target: what has not come by then is counted as lost


class Count(Protocol):
    """Counts in a column of series.csv."""

    def __call__(self, column: str, amount: float = 1, /) -> None: ...


class Clock(Protocol):
    def monotonic_s(self) -> float: ...


class Note(Protocol):
    def __call__(self, what: str, **facts: Any) -> None: ...


@dataclass
class Sent:
    """A message under way. `confirmed`: the receiver has it, and the backend has told the sender so."""

    id: str
    at_s: float
    sender: str
    receiver: str
    match_id: str
    text: str
    here: bool  # the receiver is online in this process
    expected: bool  # the receiver is online, wherever: it must come
    seq: int | None = None  # the backend's number, once it has stored the message
    delivered: bool = False
    confirmed: Event = field(default_factory=Event)


class Stream:
    """What has come of one direction between two people, by numbers."""

    def __init__(self, before: int = 0) -> None:
        """`before`: what was sent up to that number is not expected."""
        self._highest = before
        self._missing: dict[int, float] = {}  # number -> since when

    def take(self, number: int, now_s: float) -> str:
        """Says of the next number that comes: "in order", "out of order" or "again"."""
        if number > self._highest:
            self._missing.update(dict.fromkeys(range(self._highest + 1, number), now_s))
            self._highest = number
            return "in order"
        return "again" if self._missing.pop(number, None) is None else "out of order"

    @property
    def complete(self) -> bool:
        return not self._missing

    def missing_since(self, late_s: float) -> list[int]:
        """The numbers that later ones have overtaken before `late_s`."""
        return [number for number, since_s in self._missing.items() if since_s < late_s]


class Post:
    """Times deliveries and match detection; counts what was sent, delivered, lost, doubled and out of order.

    Likes are remembered to time match detection from the second one; a match counts when every socket that is here
    has heard of it.
    """

    def __init__(
        self,
        fire: Fire,
        count_: Count,
        clock: Clock,
        process: str,
        plays: Callable[[str], bool] = lambda person: True,
        note: Note = lambda what, **facts: None,
    ) -> None:
        """`process`: a name that no other generator process has. `plays`: whether somebody is played here, if at all.

        `note` hears of what the backend has acknowledged.
        """
        self._note = note
        self._fire, self._count, self._clock = fire, count_, clock
        self._process, self._plays = process, plays
        self._sent: dict[str, Sent] = {}
        self._numbers: dict[tuple[str, str], tuple[int, count[int]]] = {}
        self._streams: dict[tuple[str, int], Stream] = {}
        self._met: set[frozenset[str]] = set()
        self._strangers: dict[str, set[tuple[str, int]]] = {}  # receiver -> streams of people they have not met
        self._incomplete: set[tuple[str, int]] = set()  # of others' streams: few, while streams become many
        self._sent_again: set[str] = set()
        self._given_up: set[tuple[str, int, int]] = set()  # process, stream, number
        self._from_history: set[tuple[str, int, int]] = set()
        self._receipts: dict[tuple[str, str], int] = {}  # (sender, match) -> the backend's number
        self._likes: dict[tuple[str, str], float] = {}
        self._matches: dict[str, tuple[float, set[str]]] = {}
        self._online: set[str] = set()
        self._away: set[str] = set()
        self.ending = False  # whom another process plays may have left already

    @property
    def online(self) -> int:
        """People with an open socket."""
        return len(self._online)

    def carried(self, column: str, frame: str | bytes) -> None:
        """A frame of somebody's went over the wire: what it holds counts as a body does."""
        self._count(column, len(frame.encode()) if isinstance(frame, str) else len(frame))

    def arrived(self, person: str) -> None:
        self._away.discard(person)
        self._online.add(person)

    def away(self, person: str) -> None:
        """Their socket was lost, they are coming back: what is sent meanwhile must reach them then."""
        self._online.discard(person)
        self._away.add(person)

    def left(self, person: str) -> None:
        """Whoever is gone receives nothing, and hears of no receipt: that is no loss of the backend's."""
        self._online.discard(person)
        self._away.discard(person)
        for sent in list(self._sent.values()):
            if sent.receiver == person or (sent.sender == person and not sent.here):
                del self._sent[sent.id]
                sent.confirmed.set()  # nobody is there to confirm it: its sender need not wait
        for match_id, (_, waiting) in list(self._matches.items()):
            waiting.discard(person)
            if not waiting:
                del self._matches[match_id]
        for stream in self._strangers.pop(person, ()):
            self._streams.pop(stream, None)
            self._incomplete.discard(stream)

    # Messages

    def meet(self, person: str, other: str) -> None:
        """Both are online and know of each other, whatever process plays them: every message between them must come."""
        self._met.add(frozenset((person, other)))

    def have_met(self, person: str, other: str) -> bool:
        return frozenset((person, other)) in self._met

    def sending(self, sender: str, receiver: str, match_id: str, text: str, turns_left: int = 0) -> Sent:
        """A message goes out now; its id is the same in every retry."""
        if (sender, receiver) not in self._numbers:
            self._numbers[sender, receiver] = len(self._numbers) + 1, count(1)
        stream, numbers = self._numbers[sender, receiver]
        now_s = self._clock.monotonic_s()
        header = Header(self._process, stream, next(numbers), round(now_s * 1e6), turns_left)
        here = receiver in self._online or receiver in self._away
        expected = here or (not self._plays(receiver) and self.have_met(sender, receiver))
        sent = Sent(str(header), now_s, sender, receiver, match_id, text, here, expected)
        self._sent[sent.id] = sent
        self._count("messages_sent")
        if not here and self._plays(receiver):
            self._count("messages_offline")
        return sent

    def stored(self, message_id: str, seq: int) -> None:
        """The backend has acknowledged a message."""
        if sent := self._sent.get(message_id):
            sent.seq = seq
            self._note("message", match_id=sent.match_id, sender=sent.sender, id=sent.id, seq=seq)
            if self._receipts.get((sent.sender, sent.match_id), 0) >= seq:
                self._confirm(sent)

    def receipt(self, sender: str, match_id: str, seq: int) -> None:
        """The backend says that the other side has everything up to its number `seq`."""
        self._receipts[sender, match_id] = max(seq, self._receipts.get((sender, match_id), 0))
        for sent in list(self._sent.values()):
            if (sent.sender, sent.match_id) == (sender, match_id) and sent.seq is not None and sent.seq <= seq:
                self._confirm(sent)

    def received(self, message_id: str, from_history: bool = False, stranger: str = "") -> Header | None:
        """A message has reached a socket, or was caught up with. Returns its header when it is the first time.

        `stranger`: the receiver, if the two have not met. What was written to them while they were away they read as
        history: a socket's first message from a stranger begins the count.
        """
        header = Header.parse(message_id)
        if header is None:
            return None
        now_s, key = self._clock.monotonic_s(), (header.process, header.stream, header.number)
        stream = self._stream(header, stranger)
        came = stream.take(header.number, now_s)
        if header.process != self._process and not stream.complete:  # what is sent here is missed by its sender
            self._incomplete.add((header.process, header.stream))
        if key in self._given_up:
            return None
        if came == "again":
            if not from_history and message_id not in self._sent_again and key not in self._from_history:
                self._count("messages_duplicated")
            self._from_history.discard(key)
            return None
        if from_history:
            self._from_history.add(key)  # it may still come over the socket, once
        if came == "out of order" and not from_history:
            self._count("messages_reordered")
        self._count("messages_delivered")
        if header.process != self._process:
            self._count("messages_crossed")
        self._fire("message delivery", max(0.0, now_s * 1e3 - header.sent_us / 1e3), None)
        if sent := self._sent.get(message_id):
            sent.delivered = True
        return header

    def send_again(self, sender: str) -> list[Sent]:
        """What the backend has not acknowledged: a client that is back sends it again. Twice is no fault then."""
        found = [sent for sent in self._sent.values() if sent.sender == sender and sent.seq is None]
        self._sent_again.update(sent.id for sent in found)
        return found

    def to_be_sent_again(self, message_id: str) -> Sent | None:
        """The backend could not store it, and says so. None when it has been given up meanwhile."""
        sent = self._sent.get(message_id)
        if sent is None or sent.seq is not None:
            return None
        self._sent_again.add(message_id)
        return sent

    def _stream(self, header: Header, stranger: str) -> Stream:
        key = header.process, header.stream
        if key not in self._streams:
            self._streams[key] = Stream(before=header.number - 1 if stranger else 0)
            if stranger:
                self._strangers.setdefault(stranger, set()).add(key)
        return self._streams[key]

    def _lost(self, process: str, stream: int, number: int) -> None:
        if (process, stream, number) not in self._given_up:
            self._given_up.add((process, stream, number))
            self._count("messages_lost")
            self._fire("message delivery", LOST_AFTER_S * 1000, "not delivered within 10 s")

    def _confirm(self, sent: Sent) -> None:
        # Whether it has come is seen at the socket, if that is here: a receipt alone proves nothing then.
        if sent.delivered or not sent.here:
            self._sent.pop(sent.id, None)
        sent.confirmed.set()

    # Matches

    def liking(self, swiper: str, target: str) -> None:
        """A like goes out now."""
        self._likes[swiper, target] = self._clock.monotonic_s()

    def did_not_like(self, swiper: str, target: str) -> None:
        """The like that went out does not stand: no match will follow from it."""
        self._likes.pop((swiper, target), None)

    def matched(self, match_id: str, person: str, other: str) -> None:
        """`person`'s socket heard of a match. The sample is the slower of the sockets that are here."""
        self._note("match", match_id=match_id)
        if match_id not in self._matches:
            second_like = self._second_like(person, other)
            if second_like is None:
                return
            self._matches[match_id] = second_like, {person, other} & self._online
        liked_s, waiting = self._matches[match_id]
        waiting.discard(person)
        if not waiting:
            del self._matches[match_id]
            self._forget_likes(person, other)
            self._fire("match detection", 1000 * (self._clock.monotonic_s() - liked_s), None)

    def never_matched(self, one: str, other: str) -> None:
        """Both like each other, and in time neither heard of a match. Counts once, whichever side says so."""
        if self._forget_likes(one, other):
            self._fire("match detection", LOST_AFTER_S * 1000, "neither side heard of it within 10 s")

    def both_like(self, one: str, other: str) -> bool:
        """Whether both likes went out from here and no match was heard of yet."""
        return (one, other) in self._likes and (other, one) in self._likes

    def _second_like(self, person: str, other: str) -> float | None:
        """When the later of the two likes went out; None when it is not known here."""
        own, theirs = self._likes.get((person, other)), self._likes.get((other, person))
        if own is not None and theirs is not None:
            return max(own, theirs)
        # One like is from before the run, unless another process plays who gave it.
        if own is None:
            return theirs if self._plays(person) else None
        return own if self._plays(other) else None

    def _forget_likes(self, one: str, other: str) -> bool:
        own, theirs = self._likes.pop((one, other), None), self._likes.pop((other, one), None)
        return own is not None or theirs is not None

    def count_lost(self) -> None:
        """Count what did not come in time as failed."""
        late_s = self._clock.monotonic_s() - LOST_AFTER_S
        for sent in [sent for sent in self._sent.values() if sent.at_s < late_s]:
            del self._sent[sent.id]
            header = Header.parse(sent.id)
            # Who was not online when it was sent has missed nothing: REST will tell them.
            awaited = sent.expected and (sent.here or not self.ending)
            if header and awaited and not sent.delivered:
                self._lost(header.process, header.stream, header.number)
        for process, stream in list(self._incomplete):
            came = self._streams[process, stream]
            if came.complete:
                self._incomplete.discard((process, stream))
            for number in came.missing_since(late_s):
                self._lost(process, stream, number)
        for match_id in [i for i, (at_s, _) in self._matches.items() if at_s < late_s]:
            del self._matches[match_id]
            self._fire("match detection", LOST_AFTER_S * 1000, "only one side heard of it within 10 s")
