"""A town that is only imagined: people behave in it as they do under load, without a network and in no time.

It answers the API's calls from memory and counts them, so that what the behaviour makes of the traffic model can be
compared with what is published (`matchday traffic`). It imagines no servers: nothing takes time but people. Everybody
lives in one city.
"""

import heapq
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from loadtests.client import Api, Card, Match
from loadtests.users.life import Life
from loadtests.users.mind import Mind
from loadtests.users.store import Store
from scenarios.messages import Header
from scenarios.people import Sex, person_id_of, sex_of
from scenarios.popularity import popularity, shares_by_popularity
from scenarios.schema import Scenario

DECK = 20
NEIGHBOURS = 150
LONG_AGO_S = -1e7
_SIGNING_IN = ("POST /auth/otp", "POST /auth/session")
_CONNECTING = ("POST /auth/ticket", "WS connect")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Seen:
    """What happened in an imagined town."""

    person_s: float = 0.0
    sessions: int = 0  # that ended
    session_s: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)  # by "TYPE name"
    swipes: Counter[Sex] = field(default_factory=Counter)
    likes: Counter[Sex] = field(default_factory=Counter)
    matched_by: Counter[Sex] = field(default_factory=Counter)  # who liked last
    messages: int = 0
    messages_offline: int = 0  # of them, to somebody who is not online
    conversations: Counter[Sex] = field(default_factory=Counter)  # who began
    lengths: int = 0  # messages that the begun conversations have in all
    answered: int = 0  # of the begun conversations


@dataclass
class _Conversation:
    id: str
    people: tuple[int, int]
    at_s: float
    messages: list[tuple[int, str]] = field(default_factory=list)  # sender, id
    read: Counter[int] = field(default_factory=Counter)
    active_s: float = 0.0

    def other(self, person: int) -> int:
        return self.people[1] if self.people[0] == person else self.people[0]


class Town:
    """A scenario's population, of which some are online."""

    def __init__(self, scenario: Scenario, online: int, seed: int = 1) -> None:
        population = scenario.population
        self.scenario, self.rng, self.now_s = scenario, random.Random(seed), 0.0
        self.online_wanted = online
        values = popularity(population.users, population.seed)
        self.ids = [person_id_of(index, population.seed) for index in range(population.users)]
        self.index_of = {person_id: index for index, person_id in enumerate(self.ids)}
        self.mind = Mind(scenario.traffic, dict(zip(self.ids, values.tolist(), strict=True)), self.rng)
        self.by_sex = {sex: [i for i in range(population.users) if sex_of(i) is sex] for sex in Sex}
        shares = {sex: shares_by_popularity(population.liked_before_share.of(sex), values) for sex in Sex}
        self._liked_before = [float(shares[sex_of(i)][i]) for i in range(population.users)]
        self._swiped: defaultdict[int, dict[int, bool]] = defaultdict(dict)
        self.matches: dict[str, _Conversation] = {}
        self.matches_of: defaultdict[int, list[_Conversation]] = defaultdict(list)
        self._known: set[int] = set()
        self.lives: dict[int, Life] = {}
        self._offline = deque(self.rng.sample(range(population.users), population.users))
        self._agenda: list[tuple[float, int, Iterator[float]]] = []
        self._number = count(1)
        self.seen = Seen()

    def run(self, duration_s: float, warm_up_s: float = 0.0) -> Seen:
        """Let people live for a while; what happens in the warm-up is not counted."""
        for _ in range(self.online_wanted):
            self._arrive(under_way=True)
        self._at(self._next_arrival_s(), self._arrivals())
        counting = False
        while self._agenda[0][0] < warm_up_s + duration_s:
            at_s, _, life = heapq.heappop(self._agenda)
            if not counting and at_s >= warm_up_s:
                counting, self.seen = True, Seen()
                before_s = at_s
            if counting:
                self.seen.person_s += (at_s - before_s) * len(self.lives)
                before_s = at_s
            self.now_s = at_s
            pause_s = next(life, None)
            if pause_s is not None:
                self._at(at_s + pause_s, life)
        return self.seen

    def _at(self, at_s: float, life: Iterator[float]) -> None:
        heapq.heappush(self._agenda, (at_s, next(self._number), life))

    def _next_arrival_s(self) -> float:
        return self.rng.expovariate(self.online_wanted / self.scenario.traffic.session_s.mean_s)

    def _arrivals(self) -> Iterator[float]:
        """Sessions begin as a Poisson process."""
        while True:
            self._arrive()
            yield self._next_arrival_s()

    def _arrive(self, under_way: bool = False) -> None:
        if self._offline:
            person, session_s = self._offline.popleft(), self.scenario.traffic.session_s
            whole_s, elapsed_s = self.mind.under_way(session_s) if under_way else (self.mind.duration_s(session_s), 0.0)
            store = Store(opened_s=self.now_s - elapsed_s, leaves_s=self.now_s - elapsed_s + whole_s)
            self._at(self.now_s, self._session(person, store, elapsed_s / whole_s))

    def _session(self, person: int, store: Store, elapsed_share: float) -> Iterator[float]:
        if person not in self._known:
            self._known.add(person)
            self._begin_earlier(person)
        life = self.lives[person] = Life(ImaginedBody(self, person), self.mind, store)
        signs_in = self.mind.signs_in()
        self.seen.requests.update((*_SIGNING_IN, *_CONNECTING) if signs_in else _CONNECTING)
        life.open_app(elapsed_share)
        while self.now_s < store.leaves_s:
            for pause_s in life.do(self.mind.next_deed(store, self.now_s)):
                yield min(pause_s, max(0.0, store.leaves_s - self.now_s))
                if self.now_s >= store.leaves_s:  # people close the app in the middle of a card
                    break
        del self.lives[person]
        self.seen.requests["DELETE /auth/session"] += signs_in
        self.seen.sessions += 1
        self.seen.session_s += self.now_s - store.opened_s
        self._offline.append(person)

    def _begin_earlier(self, person: int) -> None:
        """The conversations in which it is this person's turn when the town begins."""
        mean = self.scenario.population.turns_waiting_mean
        for _ in range(_poisson(mean, self.rng)):
            other = self.rng.choice(self.by_sex[sex_of(person).opposite])
            if other not in self._swiped[person]:
                self._swiped[person][other] = self._swiped[other][person] = True
                if self.rng.random() < 1 / self.mind.lengths.mean:
                    self._match_to_begin(person)
                else:
                    left = self.mind.lengths.left(self.rng.random())
                    self._add_message(self._match(person, other, LONG_AGO_S), other, left)

    def _match_to_begin(self, person: int) -> None:
        """A match in which nobody has written, and this person is the one who will."""
        own = self.ids[person], sex_of(person)
        for other in self.rng.sample(self.by_sex[own[1].opposite], min(NEIGHBOURS, len(self.by_sex[own[1].opposite]))):
            theirs = self.ids[other], sex_of(other)
            begins = self.mind.first_message_after_s(_match_id(own[0], theirs[0]), own, theirs) is not None
            if begins and other not in self._swiped[person]:
                self._swiped[person][other] = self._swiped[other][person] = True
                self._match(person, other, LONG_AGO_S)
                return

    # What the backend does

    def liked_before(self, swiper: int, target: int) -> bool:
        """Whether the other way there is a like already: in the run, or from before it."""
        if swiper not in self._swiped[target]:
            # Decided when it is asked for; whoever has not liked may still meet the other.
            if self.rng.random() >= self._liked_before[swiper]:
                return False
            self._swiped[target][swiper] = True
        return self._swiped[target][swiper]

    def swipe(self, swiper: int, target: int, like: bool) -> None:
        sex = sex_of(swiper)
        self.seen.swipes[sex] += 1
        self.seen.likes[sex] += like
        self._swiped[swiper][target] = like
        if like and self.liked_before(swiper, target):
            self.seen.matched_by[sex] += 1
            conversation = self._match(swiper, target, self.now_s)
            for one in (swiper, target):
                if life := self.lives.get(one):
                    life.heard_of_match(conversation.id, self.ids[conversation.other(one)], self.wall(self.now_s))

    def deck(self, person: int) -> list[int]:
        swiped, others = self._swiped[person], self.by_sex[sex_of(person).opposite]
        found: dict[int, None] = {}
        for other in self.rng.sample(others, min(len(others), DECK + len(swiped))):
            if other not in swiped:
                found[other] = None
                if len(found) == DECK:
                    break
        return list(found)

    def write(self, match_id: str, sender: int, turns_left: int) -> bool:
        conversation = self.matches.get(match_id)
        if conversation is None:
            return False
        if not conversation.messages:
            self.seen.conversations[sex_of(sender)] += 1
            self.seen.lengths += 1 + turns_left
            self.seen.answered += turns_left > 0
        self.seen.messages += 1
        header = self._add_message(conversation, sender, turns_left)
        receiver = conversation.other(sender)
        if life := self.lives.get(receiver):
            life.heard(match_id, self.ids[sender], header, len(conversation.messages))
        else:
            self.seen.messages_offline += 1
        return True

    def unmatch(self, match_id: str) -> None:
        if conversation := self.matches.pop(match_id, None):
            for person in conversation.people:
                self.matches_of[person].remove(conversation)

    def wall(self, at_s: float) -> datetime:
        return _EPOCH + timedelta(seconds=at_s)

    def _match(self, one: int, other: int, at_s: float) -> _Conversation:
        conversation = _Conversation(_match_id(self.ids[one], self.ids[other]), (one, other), at_s, active_s=at_s)
        self.matches[conversation.id] = conversation
        for person in (one, other):
            self.matches_of[person].append(conversation)
        return conversation

    def _add_message(self, conversation: _Conversation, sender: int, turns_left: int) -> Header:
        header = Header("town", 1, next(self._number), round((1e6 + self.now_s) * 1e6), turns_left)
        conversation.messages.append((sender, str(header)))
        conversation.read[sender] = len(conversation.messages)
        conversation.active_s = self.now_s
        return header


class ImaginedBody:
    """Somebody in an imagined town."""

    def __init__(self, town: Town, person: int) -> None:
        self._town, self._person = town, person
        self.person_id, self.sex = town.ids[person], sex_of(person)
        self.api: Api = _ImaginedApi(town, person)

    def now_s(self) -> float:
        return self._town.now_s

    def now(self) -> datetime:
        return self._town.wall(self._town.now_s)

    def sex_of(self, person_id: str) -> Sex:
        return sex_of(self._town.index_of[person_id])

    def load_images(self, urls: Sequence[str]) -> None:
        for url in urls:
            self.api.image(url)

    def open_page(self, person_id: str) -> Card:
        card = self.api.profile(person_id)
        self.load_images(card.photo_urls)
        return card

    def has_listed(self, match: Match) -> None:
        pass  # nobody's socket is ever lost

    def swipe_on(self, other_id: str, like: bool) -> None:
        self.api.swipe(other_id, like)

    def write(self, match_id: str, other_id: str, text: str, turns_left: int) -> Callable[[], bool] | None:
        return (lambda: True) if self._town.write(match_id, self._person, turns_left) else None


class _ImaginedApi(Api):
    """The API's calls, answered from memory."""

    def __init__(self, town: Town, person: int) -> None:
        self._town, self._person = town, person

    def image(self, url: str) -> bool:
        self._town.seen.requests["IMAGE photo"] += 1
        return True

    def upload_photo(self, jpeg: bytes) -> None:
        self.call("POST", "/photos")
        self._town.seen.requests["STORE photo upload"] += 1
        self.call("POST", "/photos/1/complete", "/photos/{id}/complete")

    def call(self, method: str, path: str, name: str | None = None, body: Any = None, may_be_gone: bool = False) -> Any:
        name = f"{method} {name or path}"
        self._town.seen.requests[name] += 1
        part = path.split("/")
        match name:
            case "GET /me":
                return {"location": {"latitude": 52.5, "longitude": 13.4}}
            case "GET /discovery":
                return {"cards": [{"profile": self._profile(other)} for other in self._town.deck(self._person)]}
            case "GET /profiles/{id}":
                return self._profile(self._town.index_of[part[-1]])
            case "POST /swipes":
                self._town.swipe(self._person, self._town.index_of[body["target_id"]], body["kind"] == "like")
                return {"kind": body["kind"], "at": self._town.wall(self._town.now_s).isoformat()}
            case "GET /matches":
                latest = sorted(self._town.matches_of[self._person], key=lambda match: -match.active_s)
                return {"matches": [self._listed(match) for match in latest[:50]]}
            case "GET /matches/{id}/messages":
                match_id, after = part[2], int(part[3].partition("after=")[2])
                return {"messages": self._messages(match_id, after)} if match_id in self._town.matches else None
            case "PUT /matches/{id}/read":
                if part[2] in self._town.matches:
                    self._town.matches[part[2]].read[self._person] = body["seq"]
            case "DELETE /matches/{id}":
                self._town.unmatch(part[2])
        return None

    def _profile(self, other: int) -> dict[str, Any]:
        photos = 1 + other % self._town.scenario.population.photos_per_person_max
        return {"id": self._town.ids[other], "photos": [{"card_url": f"/{other}/{n}"} for n in range(photos)]}

    def _listed(self, match: _Conversation) -> dict[str, Any]:
        last = match.messages[-1] if match.messages else None
        return {
            "id": match.id,
            "with_profile": {"id": self._town.ids[match.other(self._person)]},
            "matched_at": self._town.wall(match.at_s).isoformat(),
            "last_message": {"sender_id": self._town.ids[last[0]]} if last else None,
            "last_seq": len(match.messages),
            "read_seq": match.read[self._person],
        }

    def _messages(self, match_id: str, after: int) -> list[dict[str, Any]]:
        messages = self._town.matches[match_id].messages
        return [
            {"seq": seq, "id": message_id, "sender_id": self._town.ids[sender]}
            for seq, (sender, message_id) in enumerate(messages[after : after + 50], after + 1)
        ]


def _match_id(one: str, other: str) -> str:
    return ":".join(sorted((one, other)))


def _poisson(mean: float, rng: random.Random) -> int:
    """Knuth's method; the means here are small."""
    limit, product, drawn = 2.718281828459045**-mean, rng.random(), 0
    while product > limit:
        product *= rng.random()
        drawn += 1
    return drawn
