"""Everybody: swipes, writes and answers, looks at pages, moves about, until their time is over."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from gevent import GreenletExit
from gevent.event import AsyncResult
from gevent.pool import Group
from gevent.timeout import Timeout
from locust import TaskSet, tag, task

from loadtests.client import Card, Match, Refused
from loadtests.recording.intended import hand_over, started_late
from loadtests.sockets import PING_EVERY_S, Ears
from loadtests.users.life import Life
from loadtests.users.mind import Deed, Mind
from loadtests.users.person import Person
from loadtests.users.store import Store
from scenarios.messages import Header
from scenarios.people import Sex

ASKED_WITHIN_S = PING_EVERY_S / 2  # then it is time to look whether the session is over, or a ping is due


class Deeds(TaskSet):
    """What a dater can do; the mind chooses. `--tags swipe write` leaves those two, and rest instead of the others."""

    user: "Dater"

    def get_next_task(self) -> object:
        self.user.be_signed_in()
        if self.user.world.scenario.load.model == "arrivals":
            return Deeds.wait_to_be_asked
        deed = getattr(Deeds, self.user.next_deed())
        return deed if deed in self.tasks else Deeds.rest

    @tag("swipe")
    @task
    def swipe(self) -> None:
        self.user.do(Deed.SWIPE)

    @tag("write")
    @task
    def write(self) -> None:
        self.user.do(Deed.WRITE)

    @tag("list_matches")
    @task
    def list_matches(self) -> None:
        self.user.do(Deed.LIST_MATCHES)

    @tag("move")
    @task
    def move(self) -> None:
        self.user.do(Deed.MOVE)

    @tag("edit_bio")
    @task
    def edit_bio(self) -> None:
        self.user.do(Deed.EDIT_BIO)

    @tag("upload_photo")
    @task
    def upload_photo(self) -> None:
        self.user.do(Deed.UPLOAD_PHOTO)

    @tag("rest")
    @task
    def rest(self) -> None:
        self.user.do(Deed.REST)

    def wait_to_be_asked(self) -> None:
        if self.user.asked():
            deed = getattr(Deeds, self.user.next_deed())
            if deed in self.tasks:
                deed(self)


class Dater(Person):
    """A life on the network."""

    tasks = [Deeds]  # noqa: RUF012  # Locust's way

    def next_deed(self) -> Deed:
        mind: Mind = self.world.mind
        return mind.next_deed(self.life.store, self.now_s())

    def do(self, deed: Deed) -> None:
        try:
            self._live(self.life.do(deed))
        except Refused:  # counted already; people pull to refresh
            self.life.store.deck.clear()
            self._live(self.life.do(Deed.REST))

    def asked(self) -> bool:
        """Wait until a deed of this person is due: under open arrivals. False when nothing was for a while."""
        due: AsyncResult[float] = AsyncResult()
        self.world.ready.append(due)
        try:
            with self.world.idle():
                due_s = due.get(timeout=ASKED_WITHIN_S)
        except Timeout:
            return False
        finally:
            if not due.ready():
                self.world.ready.remove(due)
        started_late((time.perf_counter() - due_s) * 1000)
        return True

    def ears(self) -> Ears:
        return self

    def _plan_session(self) -> None:
        super()._plan_session()
        self.life = Life(self, self.world.mind, Store(opened_s=self.opened_s, leaves_s=self.leaves_s))

    def at_home(self) -> None:
        self.life.open_app(self.elapsed_share)

    # What a life acts with

    def now_s(self) -> float:
        return self.world.clock.monotonic_s()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sex_of(self, person_id: str) -> Sex:
        return self.world.sex_of.get(person_id, self.sex.opposite)

    def load_images(self, urls: Sequence[str]) -> None:
        if len(urls) == 1:
            self.load_image(urls[0])
            return
        loading = Group()
        for url in urls:
            hand_over(loading.spawn(self._load_quietly, url))
        try:
            loading.join()
        except GreenletExit:
            loading.kill()
            raise

    def open_page(self, person_id: str) -> Card:
        start_s, failed = self.now_s(), True
        try:
            card = self.api.profile(person_id)
            self.load_images(card.photo_urls)
            failed = False
        finally:
            self.environment.events.request.fire(
                request_type="FLOW",
                name="profile load",
                response_time=(self.now_s() - start_s) * 1000,
                response_length=0,
                exception="a part of it failed" if failed else None,
                context={},
            )
        return card

    def has_listed(self, match: Match) -> None:
        if self.socket:
            self.socket.has_listed(match)

    def swipe_on(self, other_id: str, like: bool) -> None:
        if like:
            self.world.post.liking(self.person_id, other_id)
        if not self.send_swipe(other_id, like).like and like:
            self.world.post.did_not_like(self.person_id, other_id)

    def write(self, match_id: str, other_id: str, text: str, turns_left: int) -> Callable[[], bool] | None:
        if not self.socket or not self.settled(self.socket):
            return None
        confirmed: Callable[[], bool] = self.socket.send_message(match_id, other_id, text, turns_left).confirmed.is_set
        return confirmed

    # What the socket hears

    def heard_of_match(self, match_id: str, other_id: str) -> None:
        self.life.heard_of_match(match_id, other_id, self.now())

    def heard(self, match_id: str, sender_id: str, header: Header, seq: int) -> None:
        self.life.heard(match_id, sender_id, header, seq)

    def _live(self, pauses: Iterator[float]) -> None:
        """Until the session is over: people close the app in the middle of a card."""
        for pause_s in pauses:
            if self.world.scenario.load.model == "arrivals":
                continue
            left_s = self.leaves_s - self.now_s()
            self.pause(min(pause_s, max(0.0, left_s)))
            if pause_s >= left_s:
                return

    def _load_quietly(self, url: str) -> None:
        try:
            self.load_image(url)
        except Refused:
            return  # the image's own failure is counted; the page still shows
