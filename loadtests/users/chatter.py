"""Two people who like each other and talk: match detection and message delivery are measured here."""

from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import ClassVar

import gevent
from gevent.event import Event
from locust import task

from loadtests.client import Refused
from loadtests.sockets import LOST_AFTER_S
from loadtests.users.person import Person
from scenarios.people import Sex

_LINES = cycle(
    (
        "Hi!",
        "How was your day?",
        "Long, but good. Yours?",
        "Same.",
        "Coffee some time?",
    )
)
WAIT_FOR_SOMEBODY_S = 5.0
# Older than any clock is wrong: not the match that was just waited for.
_EARLIER = timedelta(minutes=1)


class Chatter(Person):
    """Waits for somebody they have not met. Whoever comes second leads: both like, then they talk in turns."""

    _waiting: ClassVar[list["Chatter"]] = []
    _met: ClassVar[set[frozenset[str]]] = set()
    _sexes = cycle(Sex)

    def on_start(self) -> None:
        super().on_start()
        self._sex_wanted = next(self._sexes)
        self._over = Event()

    def on_stop(self) -> None:
        if self in self._waiting:
            self._waiting.remove(self)
        super().on_stop()

    def preferred_sex(self) -> Sex | None:
        return self._sex_wanted  # as many women as men: everybody finds somebody

    @task
    def meet(self) -> None:
        self.be_signed_in()
        other = next((c for c in self._waiting if self._fits(c)), None)
        if other is None:
            self._wait()
            return
        self._waiting.remove(other)
        try:
            self._talk(other)
        except Refused:
            self.linger()
        finally:
            other._over.set()

    def _fits(self, other: "Chatter") -> bool:
        return other.sex is not self.sex and frozenset((self.person_id, other.person_id)) not in self._met

    def _wait(self) -> None:
        """Until somebody has come and gone, or for a while."""
        self._over.clear()
        self._waiting.append(self)
        if not self._over.wait(WAIT_FOR_SOMEBODY_S) and self not in self._waiting:
            self._over.wait()  # in the middle of a talk: it ends with its leader
        if self in self._waiting:
            self._waiting.remove(self)

    def _talk(self, other: "Chatter") -> None:
        self._met.add(frozenset((self.person_id, other.person_id)))
        if not (self.socket and other.socket):
            return
        heard, match = self.socket.expect_match(other.person_id)
        if not (self._like(other) and other._like(self)):
            return  # one of them has passed on the other before, and that stands
        if not heard.wait(LOST_AFTER_S):
            found = self._earlier_match(other)
            if found is None:
                self.world.post.never_matched(self.person_id, other.person_id)
                return
            match["id"] = found
        traffic = self.world.scenario.traffic
        pair = cycle(((self, other), (other, self)))
        for _ in range(self.world.conversation_length()):
            writer, reader = next(pair)
            gevent.sleep(self.world.duration_s(traffic.typing_s))
            if not (writer.socket and writer.socket.open and reader.socket and reader.socket.open):
                return
            sent = writer.socket.send_message(match["id"], reader.person_id, next(_LINES))
            sent.delivered.wait(LOST_AFTER_S)  # nobody answers what has not come
        if self.world.rng.random() < traffic.unmatch_share.value:
            self.api.unmatch(match["id"])

    def _like(self, other: "Chatter") -> bool:
        """Returns whether the swipe that stands is a like."""
        self.world.post.liking(self.person_id, other.person_id)
        return self.api.swipe(other.person_id, like=True)

    def _earlier_match(self, other: "Chatter") -> str | None:
        """A match from before this run: it makes no event any more, but the two can talk."""
        for match in self.api.matches():
            age = datetime.now(UTC) - datetime.fromisoformat(match["matched_at"])
            if match["with_profile"]["id"] == other.person_id and age > _EARLIER:
                return str(match["id"])
        return None
