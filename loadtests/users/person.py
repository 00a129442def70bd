"""Somebody with an open session: what daters and couples have in common."""

import inspect
import logging
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import gevent
from locust import User
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import WorkerRunner
from locust.user.task import LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from loadtests.client import Api, Match, Refused, Swipe
from loadtests.session import Session
from loadtests.sockets import Ears, Socket
from loadtests.users.pool import NobodyLeft, TestUser
from loadtests.users.world import World
from loadtests.wire import Letter
from scenarios.outcome import ExitCode
from scenarios.people import Sex

# After a refused sign-in: a client that hammers a struggling backend measures itself.
BACK_OFF_S = 1.0
# When people are to behave otherwise they come anew, not all in one instant.
MIX_CHANGES_WITHIN_S = 5.0
log = logging.getLogger(__name__)
NO_POPULATION = (
    "This backend does not know the scenario's people: fill it with `python -m reference_app.population`, "
    "with the same scenario and seed."
)
NO_TOKENS = (
    "This backend does not know the tokens that the population's phones have kept: it was filled by an older version, "
    "or with another MATCHDAY_OTP_TEST_SECRET, or a month ago. From now on everybody signs in with a code."
)
UNAUTHORIZED = 401
NO_SENSE = "matchday no sense"  # a worker to the master: why the test cannot go on


def stop_the_test(environment: Environment, why: str) -> None:
    """It makes no sense to go on: say why, end with the exit code of wrong usage. A worker lets its master do it."""
    runner = environment.runner
    if environment.process_exit_code is not None or not runner:
        return
    environment.process_exit_code = ExitCode.USAGE
    if isinstance(runner, WorkerRunner):
        runner.send_message(NO_SENSE, {"why": why})
        return
    log.error(why)
    gevent.spawn(runner.quit)


def _nobody_came(error: Exception, api: type[Api]) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = [frame for frame in frames if frame.filename == inspect.getfile(api)] or frames
    return (
        f"Nobody could sign in: {type(error).__name__}: {error} "
        f"({Path(where[-1].filename).name}, line {where[-1].lineno}). "
        "Does the client fit the people's columns, and the backend's answers?"
    )


class Person(User):
    """Signs in, opens a socket, acts until the session's time is over, signs out, becomes somebody else."""

    abstract = True
    world: ClassVar[World]
    # The one session that a timetable has planned for this user: opened and over, on the generator's clock, and the
    # share of it that is over when it is found. Without one they live session after session.
    visit: tuple[float, float, float] | None = None

    def on_start(self) -> None:
        self._user: TestUser | None = None
        self._here = False  # the session is open
        self._keeps_token = False
        self.sex = Sex.MALE
        self.person_id = ""
        assert self.host
        self.session = Session(self.host, self.environment.events.request, self.world.reach)
        self.api: Api = self.world.client.api(self.session)
        self.socket: Socket | None = None
        self.opened_s = self.leaves_s = 0.0  # on the generator's clock
        self.elapsed_share = 0.0  # of the session, when it was found under way
        self._first = True

    def on_stop(self) -> None:
        self._leave()
        self.session.close()

    def stop(self, force: bool = False) -> bool:
        """Go home, as soon as what is under way is done. Returns whether that was now.

        Locust kills who waits between two tasks. Nobody waits there for longer than a moment, and who has just begun
        the next task would lose its first request; asked to stop, they go home in that moment by themselves.
        """
        if not force and self._state == LOCUST_STATE_WAITING:
            self._state = LOCUST_STATE_STOPPING
            return False
        now = bool(super().stop(force))
        if not now and hasattr(Person, "world"):
            self.world.send_home(self.greenlet)
        return now

    def be_signed_in(self) -> None:
        """At the start of every task: whoever is here goes when their time is over, and the next one comes.

        Raises StopUser when a planned session is over.
        """
        if self._here and self._is_connected() and self.world.clock.monotonic_s() < self.leaves_s:
            if self.socket:
                self.socket.keep_alive()
            return
        if self._here:
            if self.socket:
                self.socket.finish()
            if not self._keeps_token:
                with suppress(Refused):  # counted as a failure; the person goes all the same
                    self.api.sign_out()
            self._leave()
            self._go_home_if_planned()
        while not self._arrive():
            self._leave()
            self._go_home_if_planned()
            self.pause(BACK_OFF_S)

    def _go_home_if_planned(self) -> None:
        if self.visit and self.world.clock.monotonic_s() >= self.visit[1]:
            raise StopUser

    def preferred_sex(self) -> Sex | None:
        """Whom to play; None: whoever is next."""
        return None

    def at_home(self) -> None:
        """The session begins: signed in, the socket open. Raises Refused."""

    def ears(self) -> Ears | None:
        """Who hears at once of what comes over the socket."""
        return None

    def send_swipe(self, other_id: str, like: bool) -> Swipe:
        """Returns the swipe that stands: the first one wins."""
        stands = self.api.swipe(other_id, like)
        self.world.journal.note("swipe", swiper=self.person_id, target=other_id, like=stands.like)
        return stands

    def load_image(self, url: str) -> None:
        self.world.count("cdn_hits" if self.api.image(url) else "cdn_misses")

    def pause(self, seconds: float) -> None:
        """Do nothing for a while; when the test ends, not even that."""
        with self.world.idle():
            gevent.sleep(seconds)

    def settled(self, socket: Socket) -> bool:
        """Whether a socket is open; one that was lost is given the time to come back."""
        if socket.open:
            return True
        with self.world.idle():
            return socket.settle()

    def _is_connected(self) -> bool:
        return self.socket is None or self.settled(self.socket)

    def _arrive(self) -> bool:
        world = self.world
        try:
            self._user = world.pool.take(self.preferred_sex())
        except NobodyLeft as error:
            raise StopUser(str(error)) from error
        self.sex = self._user.sex
        try:
            columns = self._columns(self._user)
            self._keeps_token = "token" in columns
            self.person_id = self.api.sign_in(columns)
            if world.knows_everybody and self.person_id not in world.sex_of:
                stop_the_test(self.environment, NO_POPULATION)
                raise StopUser(NO_POPULATION)
            self._plan_session()
            if not self._connect():
                return False
            self.at_home()
        except Refused as refusal:
            self._doubt_tokens(refusal)
            return False
        except StopUser:
            raise
        except Exception as error:
            if not world.somebody_came:  # what works mostly is worth a run: then it counts as a failure
                stop_the_test(self.environment, _nobody_came(error, type(self.api)))
            raise
        self._here = world.somebody_came = True
        return True

    def _columns(self, user: TestUser) -> Mapping[str, str]:
        """What to sign in with: the token that the phone has kept, or a code."""
        world = self.world
        keeps = user.kept and world.knows_tokens and type(self.api).sign_in is Api.sign_in
        return user.kept if keeps and user.kept and not world.mind.signs_in() else user.columns

    def _connect(self) -> bool:
        world = self.world
        if world.client.frames is None:
            return True
        assert self.host
        frames = world.client.frames(self.host, self.api)
        self.socket = Socket(
            frames, self.person_id, world.post, world.fire, world.clock, self, self.ears(), world.reach
        )
        return self.socket.connect()

    def _doubt_tokens(self, refusal: Refused) -> None:
        """The first thing that is asked with a token is what opens the socket."""
        if self._keeps_token and refusal.status == UNAUTHORIZED and self.world.knows_tokens:
            self.world.knows_tokens = False
            log.warning(NO_TOKENS)

    def _plan_session(self) -> None:
        """How long the app stays open. When the run starts people are found somewhere in their session."""
        if self.visit:
            self.opened_s, self.leaves_s, self.elapsed_share = self.visit
            return
        length_s, now_s = self.world.mind.traffic.session_s, self.world.clock.monotonic_s()
        whole_s, elapsed_s = self.world.mind.duration_s(length_s), 0.0
        if self._first:
            whole_s, elapsed_s = self.world.mind.under_way(length_s)
            self._first = False
        leave_s = self.world.mix_ends_s + self.world.rng.random() * MIX_CHANGES_WITHIN_S
        self.opened_s, self.leaves_s = now_s - elapsed_s, min(now_s - elapsed_s + whole_s, leave_s)
        self.elapsed_share = elapsed_s / whole_s

    def history(self, match_id: str, after: int) -> list[Letter]:
        try:
            return self.api.messages(match_id, after)
        except Refused:  # counted; the backend is not back yet
            return []

    def matches(self) -> list[Match]:
        try:
            return self.api.matches()
        except Refused:
            return []

    def _leave(self) -> None:
        if self.socket:
            self.socket.close()
            self.socket = None
        self._here = False
        if self._user:
            self.world.pool.give_back(self._user)
            self._user = None
