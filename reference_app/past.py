"""What happened between the people of a population before the load starts: likes, matches, conversations.

Only among neighbours: a deck begins with whoever is nearest, so nobody else is met in a run.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from reference_app.pairs import match_id
from reference_app.platform.mongo import Document
from scenarios.conversations import ConversationLengths, first_message_after_s
from scenarios.messages import Header
from scenarios.people import Sex
from scenarios.popularity import popularity, shares_by_popularity
from scenarios.schema import Population
from scenarios.traffic import Conversations

NEIGHBOURS = 150  # a deck has 100
LONG_AGO = datetime(2006, 1, 1, tzinfo=UTC)
_WROTE = "How was your day?"


@dataclass(frozen=True)
class Turn:
    """A match in which it is somebody's turn: to answer a message with `turns_left`, or (None) to begin."""

    person: str
    other: str
    turns_left: int | None

    @property
    def match_id(self) -> str:
        return match_id(self.person, self.other)

    def match(self) -> Document:
        """As the database has it."""
        found: Document = {
            "_id": self.match_id,
            "people": sorted((self.person, self.other)),
            "at": LONG_AGO,
            "active_at": LONG_AGO,
            "ended_at": None,
            "seq": 0,
        }
        if self.turns_left is None:
            return found
        last = {"sender": self.other, "text": _WROTE, "at": LONG_AGO}
        return found | {"seq": 1, "last": last, "read": {self.other: 1}}

    def likes(self) -> list[Document]:
        pairs = ((self.person, self.other), (self.other, self.person))
        return [_like(swiper, target) | {"matched": True} for swiper, target in pairs]

    def message(self) -> Document | None:
        """The one that waits for its answer."""
        if self.turns_left is None:
            return None
        client_id = str(Header("past", 1, 1, 0, self.turns_left))
        said = {"sender": self.other, "text": _WROTE, "at": LONG_AGO}
        return {"match_id": self.match_id, "client_id": client_id, "seq": 1, **said}


class Past:
    """`profiles` are the population's, by index. The same from the same seed."""

    def __init__(self, population: Population, law: Conversations, profiles: Sequence[Document]) -> None:
        self._population, self._law = population, law
        self._ids = [profile["_id"] for profile in profiles]
        self._sexes = [Sex(profile["sex"]) for profile in profiles]
        self._near = _neighbours(profiles)
        self.turns = tuple(self._turns())

    def likes(self) -> Iterator[Document]:
        """The popular were liked by many of their neighbours, most people by few."""
        rng = np.random.default_rng([self._population.seed, 2])
        popular = popularity(self._population.users, self._population.seed)
        shares = {sex: shares_by_popularity(self._population.liked_before_share.of(sex), popular) for sex in Sex}
        matched = {frozenset((turn.person, turn.other)) for turn in self.turns}
        for index, near in enumerate(self._near):
            for swiper in near[rng.random(len(near)) < shares[self._sexes[index]][index]]:
                if frozenset((self._ids[swiper], self._ids[index])) not in matched:
                    yield _like(self._ids[swiper], self._ids[index])

    def _turns(self) -> Iterator[Turn]:
        rng, lengths = np.random.default_rng([self._population.seed, 4]), ConversationLengths(self._law)
        taken: set[str] = set()
        waiting = rng.poisson(self._population.turns_waiting_mean, self._population.users)
        for index, wanted in enumerate(waiting):
            near = rng.permutation(self._near[index])
            for other in near[: int(wanted)]:
                turn = Turn(self._ids[index], self._ids[other], lengths.left(rng.random()))
                # In one of so many turns a conversation begins; that takes a match in which this person would.
                if rng.random() < 1 / lengths.mean:
                    turn = self._to_begin(index, near, taken) or turn
                if turn.match_id not in taken:
                    taken.add(turn.match_id)
                    yield turn

    def _to_begin(self, index: int, near: NDArray[np.int64], taken: Set[str]) -> Turn | None:
        own = self._ids[index], self._sexes[index]
        for other in near:
            theirs = self._ids[other], self._sexes[other]
            turn = Turn(own[0], theirs[0], None)
            begins = first_message_after_s(self._law, turn.match_id, own, theirs) is not None
            if begins and turn.match_id not in taken:
                return turn
        return None


def _like(swiper: str, target: str) -> Document:
    return {"swiper": swiper, "target": target, "like": True, "at": LONG_AGO}


def _neighbours(profiles: Sequence[Document]) -> list[NDArray[np.int64]]:
    """For each person the indices of the nearest people of the other sex."""
    places = np.array([profile["location"]["coordinates"] for profile in profiles])  # longitude, latitude
    places[:, 0] *= np.cos(np.radians(places[:, 1]))  # near enough, within a city
    found: list[NDArray[np.int64]] = [np.array([], np.int64)] * len(profiles)
    for sex in Sex:
        own = np.array([i for i, profile in enumerate(profiles) if profile["sex"] == sex], np.int64)
        others = np.array([i for i, profile in enumerate(profiles) if profile["sex"] != sex], np.int64)
        if len(own) and len(others):
            wanted = np.arange(1, min(NEIGHBOURS, len(others)) + 1)
            _, near = cKDTree(places[others]).query(places[own], k=wanted)
            for index, row in zip(own, near, strict=True):
                found[index] = others[row]
    return found
