"""Couples: people who do nothing but like each other and talk, so that a small load has enough matches to judge."""

import time
from datetime import UTC, datetime
from itertools import cycle

from gevent.event import Event
from gevent.queue import Empty
from locust import tag, task

from loadtests.client import Refused
from loadtests.meetings import Meeting
from loadtests.post import LOST_AFTER_S
from loadtests.sockets import CLOCKS_DIFFER
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
_LOOK_UP_EVERY_S = 0.5
# Nobody types for ten times as long as people do: then they have left, or their message is lost.
PATIENCE_IN_TYPING_TIMES = 10


class Chatter(Person):
    """Half of a couple. Meets somebody they have not met: both like, exchange a few messages, and look for others."""

    _sexes = cycle(Sex)

    def on_start(self) -> None:
        super().on_start()
        self._sex_wanted = next(self._sexes)

    def preferred_sex(self) -> Sex | None:
        return self._sex_wanted  # as many women as men: everybody finds somebody

    @tag("couples")
    @task
    def meet(self) -> None:
        self.be_signed_in()
        with self.world.idle():
            meeting = self.world.meetings.meet(self.person_id, self.sex, WAIT_FOR_SOMEBODY_S)
        if meeting is None:
            return
        try:
            if match_id := self._match(meeting):
                self._talk(match_id, meeting)
        except Refused:
            self.pause(self.world.mind.duration_s(self.world.mind.traffic.elsewhere_dwell))

    def _match(self, meeting: Meeting) -> str | None:
        """Like, and wait for the match. Returns its id; None when there is none."""
        if not self.socket:
            return None
        heard, match = self.socket.expect_match(meeting.other_id)
        self.world.post.meet(self.person_id, meeting.other_id)
        self.world.post.liking(self.person_id, meeting.other_id)
        began = datetime.now(UTC) - CLOCKS_DIFFER
        swipe = self.send_swipe(meeting.other_id, like=True)
        if not swipe.like:  # they passed on the other before, and that stands
            self.world.post.did_not_like(self.person_id, meeting.other_id)
            return None
        if swipe.at < began:
            return self._match_of_old(meeting, heard, match)
        if self._hears(heard, meeting):
            return match["id"]
        found, matched_at = self._match_by_rest(meeting.other_id)
        # Without a match the other side has not liked, or is gone. A new one that we did not hear of was lost.
        both = meeting.here and self.world.post.both_like(self.person_id, meeting.other_id)
        if both if found is None else matched_at >= began:
            self.world.post.never_matched(self.person_id, meeting.other_id)
            return None
        return found

    def _match_of_old(self, meeting: Meeting, heard: Event, match: dict[str, str]) -> str | None:
        """They liked the other in an earlier run: the match is there, or has ended, or the other likes only now."""
        found, _ = self._match_by_rest(meeting.other_id)
        if found is None:
            with self.world.idle():
                heard.wait(LOST_AFTER_S)
        return found or match.get("id")

    def _hears(self, heard: Event, meeting: Meeting) -> bool:
        """Wait for the match. When the test ends only if both have liked: whoever was sent home before likes nobody."""
        deadline_s = time.monotonic() + LOST_AFTER_S
        while not heard.is_set() and time.monotonic() < deadline_s:
            heard.wait(_LOOK_UP_EVERY_S)
            liked = self.world.post.both_like(self.person_id, meeting.other_id)
            if self.world.post.ending and meeting.here and not liked:
                break
        return bool(heard.is_set())

    def _talk(self, match_id: str, meeting: Meeting) -> None:
        mind = self.world.mind
        law = mind.traffic.conversations
        assert self.socket
        inbox = self.socket.inbox(match_id)
        patience_s = LOST_AFTER_S + PATIENCE_IN_TYPING_TIMES * law.typing_s.mean_s
        turns_left = round(mind.traffic.couple_messages.value) if meeting.leads else 0
        sent = None
        while True:
            if turns_left:
                self.pause(mind.duration_s(law.typing_s))
                if not self.settled(self.socket):
                    return
                turns_left -= 1
                sent = self.socket.send_message(match_id, meeting.other_id, next(_LINES), turns_left)
                if not turns_left:
                    break
            try:
                with self.world.idle():
                    turns_left = inbox.get(timeout=patience_s).turns_left
            except Empty:
                return  # lost, or the other has left: counted, if it is the backend's fault
            if not turns_left:
                break
        if sent:
            sent.confirmed.wait(LOST_AFTER_S)
        if meeting.leads and self.world.rng.random() < law.unmatch_share.value:
            self.pause(mind.duration_s(law.typing_s))
            self.api.unmatch(match_id)

    def _match_by_rest(self, other_id: str) -> tuple[str | None, datetime]:
        """The match with somebody as the backend knows it, and when it was made."""
        for match in self.api.matches():
            if match.other_id == other_id:
                assert self.socket
                self.socket.has_listed(match)
                self.socket.knows(match.id)
                return match.id, match.matched_at
        return None, datetime.max.replace(tzinfo=UTC)
