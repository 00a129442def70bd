"""What somebody does with the app open, one deed after the other: the requests of each, and the pauses between them.

A deed is a generator of pauses (seconds), so the same deeds run on a network, in Locust's users, and in no time at all
(`imagined.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import cycle
from typing import Protocol

from loadtests.client import Api, Card, Match
from loadtests.users.mind import Deed, Mind
from loadtests.users.pictures import SMALLEST_JPEG
from loadtests.users.store import Store, Turn
from scenarios.messages import Header
from scenarios.people import Sex

_LINES = cycle(("Hi!", "How was your day?", "Long, but good. Yours?", "Same.", "Coffee some time?"))
_BIOS = cycle(("Off to the lake.", "Back in town.", "Reading again."))
A_FEW_HUNDRED_METRES = 0.005  # degrees
LOOKED_BACK = 20  # messages


class Body(Protocol):
    """What a life acts with."""

    person_id: str
    sex: Sex
    api: Api

    def now_s(self) -> float:
        """The generator's clock."""

    def now(self) -> datetime:
        """The wall clock: the backend's times are compared with it."""

    def sex_of(self, person_id: str) -> Sex: ...

    def load_images(self, urls: Sequence[str]) -> None:
        """All at once, as an app does."""

    def open_page(self, person_id: str) -> Card:
        """A profile with all its photos: a sample of "FLOW profile load"."""

    def has_listed(self, match: Match) -> None:
        """What was written in it before is history."""

    def swipe_on(self, other_id: str, like: bool) -> None: ...

    def write(self, match_id: str, other_id: str, text: str, turns_left: int) -> Callable[[], bool] | None:
        """Send a message. None when it did not go out; else what says whether the other has it."""


class Life:
    """One session of one person."""

    def __init__(self, body: Body, mind: Mind, store: Store) -> None:
        self.body, self.mind, self.store = body, mind, store

    def open_app(self, elapsed_share: float = 0.0) -> None:
        """Look at who has matched and written meanwhile; each is answered some time in the session.

        `elapsed_share`: how much of the session is over already; what fell into it has been done.
        """
        self.store.under_way = elapsed_share > 0
        self.store.place = self.body.api.place()
        opened_s, stays_s = self.store.opened_s, self.store.leaves_s - self.store.opened_s
        for match in self.body.api.matches():
            self.body.has_listed(match)
            due_s = opened_s + self.mind.rng.random() * stays_s
            if due_s < opened_s + elapsed_share * stays_s:
                continue
            if match.last_sender_id is None:
                self.heard_of_match(match.id, match.other_id, match.matched_at, due_s)
            elif match.last_sender_id != self.body.person_id and match.last_seq > match.read_seq:
                self.store.wants_to_write(Turn(due_s, match.id, match.other_id, None, match.read_seq))

    def heard_of_match(self, match_id: str, other_id: str, matched_at: datetime, not_before_s: float = 0.0) -> None:
        """There is a match: write first, if this person is the one who does."""
        own, other = (self.body.person_id, self.body.sex), (other_id, self.body.sex_of(other_id))
        after_s = self.mind.first_message_after_s(match_id, own, other)
        if after_s is not None:
            ago_s = (self.body.now() - matched_at).total_seconds()
            due_s = max(not_before_s, self.body.now_s() + after_s - ago_s)
            self.store.wants_to_write(Turn(due_s, match_id, other_id, None, begins=True))

    def heard(self, match_id: str, other_id: str, header: Header, seq: int) -> None:
        """A message came over the socket: answer it after the card that is being looked at."""
        if header.turns_left and self.store.has_read(match_id, seq):
            self.store.wants_to_write(Turn(self.body.now_s(), match_id, other_id, header.turns_left, seq))

    def do(self, deed: Deed) -> Iterator[float]:
        match deed:
            case Deed.SWIPE:
                return self._swipe()
            case Deed.WRITE:
                return self._write(self.store.next_turn())
            case Deed.LIST_MATCHES:
                return self._elsewhere(self._list_matches)
            case Deed.MOVE:
                return self._elsewhere(self._move)
            case Deed.EDIT_BIO:
                return self._elsewhere(lambda: self.body.api.edit_bio(next(_BIOS)))
            case Deed.UPLOAD_PHOTO:
                return self._elsewhere(lambda: self.body.api.upload_photo(SMALLEST_JPEG))
            case Deed.REST:
                return self._elsewhere(lambda: None)

    def _swipe(self) -> Iterator[float]:
        """The next card: a photo or two, or the whole page; a while; like or pass."""
        if not self.store.deck:
            self.store.deck = self.body.api.discover()
            if self.store.under_way:
                # When a run starts people are somewhere in their deck; else all would ask for the next at once.
                self.store.under_way = False
                del self.store.deck[: self.mind.rng.randrange(len(self.store.deck) or 1)]
        if not self.store.deck:  # everybody near has been seen
            yield self._while_elsewhere_s()
            return
        card, traffic = self.store.deck.pop(0), self.mind.traffic
        if self.mind.rng.random() < traffic.profile_share.value:
            card = self.body.open_page(card.person_id)
        else:
            photos = 2 if self.mind.rng.random() < traffic.second_photo_share.value else 1
            self.body.load_images(card.photo_urls[:photos])
        yield self.mind.duration_s(traffic.card_dwell.of(self.body.sex))
        self.body.swipe_on(card.person_id, self.mind.likes(self.body.sex, card.person_id))

    def _write(self, turn: Turn) -> Iterator[float]:
        """Read what is new, if anything is, and write the next message."""
        law, left = self.mind.traffic.conversations, turn.turns_left
        if turn.begins:
            left = self.mind.conversation_length()
        elif left is None:
            left = self._read(turn)
        if not left:
            return
        yield self.mind.duration_s(law.typing_s)
        has_come = self.body.write(turn.match_id, turn.other_id, next(_LINES), left - 1)
        if has_come and left == 1 and self.mind.rng.random() < law.unmatch_share.value:
            yield self.mind.duration_s(law.typing_s)
            if has_come():  # nobody ends a match on which a message is still under way
                self.body.api.unmatch(turn.match_id)

    def _read(self, turn: Turn) -> int | None:
        """Open a conversation. Returns how many messages are still to come; None when it has ended."""
        messages = self.body.api.messages(turn.match_id, turn.read_seq)
        if not messages:
            return None
        last = messages[-1]
        self.store.has_read(turn.match_id, last.seq)
        self.body.api.mark_read(turn.match_id, last.seq)
        header = Header.parse(last.id)
        return header.turns_left if header and last.sender_id != self.body.person_id else None

    def _elsewhere(self, deed: Callable[[], None]) -> Iterator[float]:
        deed()
        yield self._while_elsewhere_s()

    def _while_elsewhere_s(self) -> float:
        return self.mind.duration_s(self.mind.traffic.elsewhere_dwell)

    def _list_matches(self) -> None:
        """Look who is there, and go back over the latest conversation."""
        if matches := self.body.api.matches():
            self.body.api.messages(matches[0].id, after=max(0, matches[0].last_seq - LOOKED_BACK))

    def _move(self) -> None:
        """A few hundred metres."""
        step = self.mind.rng.uniform
        latitude, longitude = self.store.place
        far = A_FEW_HUNDRED_METRES
        self.store.place = latitude + step(-far, far), longitude + step(-far, far)
        self.body.api.move(*self.store.place)
