"""The cheapest servers that meet every target: types are sized apart, combined best first, and judged together."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from capacity.planning.judge import Judge, Servers
from capacity.planning.options import Option, Sizing
from capacity.planning.work import ROLES
from scenarios.machines import Role
from scenarios.outcome import ExitCode, MatchdayError
from scenarios.schema import Scenario

_SLOW_TOGETHER: tuple[tuple[Role, ...], ...] = (("app",), ("database",), ("cache",), ("app", "database"))
_APP: tuple[Role, ...] = ("app",)
_TWO: tuple[Role, ...] = ("app", "database")
_COUNT_MOST = 100_000  # of one server: beyond it nobody rents


class NothingHolds(MatchdayError):
    """No servers that can be rented meet every target."""

    exit_code = ExitCode.FAIL


@dataclass(frozen=True)
class Rejected:
    """Something that would cost less, and the limit that it breaks."""

    role: Role
    title: str
    saves_usd_per_month: float
    breaks: str


@dataclass(frozen=True)
class Found:
    """The answer of a search. `latencies_ms`: what CONFIDENCE of all ways stay below with one app server lost; with
    their limits."""

    cheapest: Servers
    runner_up: Servers | None
    rejected: tuple[Rejected, ...]
    latencies_ms: dict[str, tuple[float, float]]
    combinations: int  # that were judged together
    types: int


class Search:
    """Over a market, for one number of people. Raises NothingHolds when that is so."""

    def __init__(self, sizing: Sizing, scenario: Scenario) -> None:
        self.sizing, self._judge = sizing, Judge(sizing, scenario)
        self._slow: dict[tuple[str, ...], bool] = {}
        self._apps: dict[tuple[str, str, int], int | None] = {}
        self._shards: dict[tuple[str, int, str], int | None] = {}
        self._options: dict[tuple[str, int], Option] = {}
        self._heap: list[tuple[float, int, Servers, tuple[int, ...] | None]] = []
        self._pushed = 0

    def breaks(self, servers: Servers) -> str:
        """What such servers break, alone or together; "" when they hold."""
        return self._judge.breaks(servers)

    def found(self) -> Found:
        """The same market and people, the same answer."""
        failed: list[tuple[Servers, str]] = []
        first, second = None, None
        for servers in self._cheapest_first():
            if (first and _same_types(first, servers)) or any(map(self._slow.get, _type_names(servers))):
                continue
            if self._known_to_miss(servers):
                continue
            if reason := self.breaks(servers):
                if not self._too_slow(servers):
                    self._with_more(servers)
                if not first:
                    failed.append((servers, reason))
            elif first:
                second = servers
                break
            else:
                first = servers
        if not first:
            raise NothingHolds(self._nothing(failed))
        return Found(
            first,
            second,
            tuple(sorted(self._rejected(first, failed), key=lambda one: -one.saves_usd_per_month)),
            self._judge.latencies_ms(first),
            self._judge.judged,
            sum(1 for role in ROLES for _ in self.sizing.market.servers(role)),
        )

    def _too_slow(self, servers: Servers) -> bool:
        """Whether a type by itself, or app servers with a database, miss a target even if nobody waits: then no number
        of them helps. Each is looked at once."""
        for roles, names in zip(_SLOW_TOGETHER, _type_names(servers), strict=True):
            if names not in self._slow:
                self._slow[names] = bool(self._judge.missed(servers, roles, roles))
            if self._slow[names]:
                return True
        return False

    def _with_more(self, servers: Servers) -> None:
        """What breaks together may hold with more of the same: the fewest app servers, or shards, that do."""
        app, database = servers.app, servers.database
        apps, shards = self._fewest_apps(app, database), self._fewest_shards(app, database)
        if apps and apps <= app.count:  # enough but for what waits at this cache
            apps = _fewest(lambda n: not self.breaks(replace(servers, app=self._option(app, n))), app.count + 1)
        if apps:
            self._push(replace(servers, app=self._option(app, apps)))
        if shards and shards > database.count:
            self._push(replace(servers, database=self._option(database, shards)))

    def _known_to_miss(self, servers: Servers) -> bool:
        """Whether other servers of these types have shown that so few app servers are not enough: it is the same beside
        every cache. What would be enough is pushed then."""
        key = (servers.app.name, servers.database.name, servers.database.count)
        if key not in self._apps or (self._apps[key] or _COUNT_MOST) <= servers.app.count:
            return False
        self._with_more(servers)
        return True

    def _fewest_apps(self, app: Option, database: Option) -> int | None:
        """Beside that database, as if the cache took no time; None where no number is enough."""
        key = (app.name, database.name, database.count)
        if key not in self._apps:
            servers = Servers(app, database, self._any_cache)

            def holds(count: int) -> bool:
                larger = replace(servers, app=self._option(app, count))
                return not self._judge.connections(larger) and not self._judge.missed(larger, _TWO)

            hopeless = self._judge.connections(servers) or self._judge.missed(servers, _TWO, _APP)
            self._apps[key] = None if hopeless else _fewest(holds, app.count)
        return self._apps[key]

    def _fewest_shards(self, app: Option, database: Option) -> int | None:
        """As if nobody waited at the app servers; None where no number is enough."""
        key = (app.name, app.count, database.name)
        if not database.can_be_sharded:
            return None
        if key not in self._shards:
            servers = Servers(app, database, self._any_cache)

            def holds(count: int) -> bool:
                larger = replace(servers, database=self._option(database, count))
                return not self._judge.connections(larger) and not self._judge.missed(larger, _TWO, _APP)

            self._shards[key] = _fewest(holds, database.count)
        return self._shards[key]

    @property
    def _any_cache(self) -> Option:
        """Where none takes time it does not matter which."""
        return self.sizing.needed["cache"][0]

    def _option(self, like: Option, count: int) -> Option:
        key = (like.name, count)
        if key not in self._options:
            self._options[key] = self.sizing.option(like.role, like.name, count)
        return self._options[key]

    def _push(self, servers: Servers) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (servers.usd_per_month, self._pushed, servers, None))

    def _cheapest_first(self) -> Iterator[Servers]:
        """Combinations by price: k-best sums over sorted lists (a heap of the borders, as in Eppstein 1998), and in
        between what `_with_more` pushes."""
        lists = [self.sizing.needed[role] for role in ROLES]
        if not all(lists):
            raise NothingHolds(self._nothing([]))
        seen: set[tuple[int, ...]] = set()

        def border(at: tuple[int, ...]) -> None:
            if at not in seen and all(place < len(options) for place, options in zip(at, lists, strict=True)):
                seen.add(at)
                servers = Servers(*(options[place] for options, place in zip(lists, at, strict=True)))
                self._pushed += 1
                heapq.heappush(self._heap, (servers.usd_per_month, self._pushed, servers, at))

        border((0, 0, 0))
        while self._heap:
            _, _, servers, at = heapq.heappop(self._heap)
            yield servers
            if at is not None:
                for number in range(len(at)):
                    border(tuple(place + (index == number) for index, place in enumerate(at)))

    def _rejected(self, cheapest: Servers, failed: Sequence[tuple[Servers, str]]) -> Iterator[Rejected]:
        """Of every type the most that would still be cheaper; and what fell in the judgement together."""
        for chosen in cheapest.parts:
            for name, _ in self.sizing.market.servers(chosen.role):
                if option := self.most_below(chosen, name):
                    saves = chosen.usd_per_month - option.usd_per_month
                    breaks = option.breaks or self.breaks(replace(cheapest, **{chosen.role: option}))
                    if breaks:
                        yield Rejected(chosen.role, option.title, saves, breaks)
        known = {chosen.title for chosen in cheapest.parts}
        for servers, reason in failed:
            others = [one for one in servers.parts if one.title not in known]
            saves = cheapest.usd_per_month - servers.usd_per_month
            if len(others) > 1 and saves > 0:
                yield Rejected(others[0].role, " with ".join(one.title for one in others), saves, reason)

    def most_below(self, chosen: Option, name: str) -> Option | None:
        """As many of a type as cost less than what was chosen; None when not even one does."""
        one = self.sizing.option(chosen.role, name, 1)
        each = one.usd_per_month if one.surplus_vcpu_hours == 0 else self._without_credits(one)
        count = int((chosen.usd_per_month - 1e-6) / each) if each else 0
        if chosen.role == "database" and not one.can_be_sharded:
            count = min(count, 1)
        while count > 0:
            option = self.sizing.option(chosen.role, name, count)
            if option.usd_per_month < chosen.usd_per_month - 1e-6:
                return option
            count -= 1
        return None

    def _without_credits(self, one: Option) -> float:
        price = self.sizing.market.prices.price(one.server.credit_price)
        return one.usd_per_month - one.surplus_vcpu_hours * float(price.first_usd)

    def _nothing(self, failed: Sequence[tuple[Servers, str]]) -> str:
        why = f": {failed[0][0].title}: {failed[0][1]}" if failed else ""
        return (
            f"No servers of machines.toml hold every target for so many people{why}. A larger tier, a target that "
            "allows more, or fewer people would."
        )


def _type_names(servers: Servers) -> list[tuple[str, ...]]:
    return [tuple(one.name for one in servers.parts if one.role in roles) for roles in _SLOW_TOGETHER]


def _fewest(holds: Callable[[int], bool], start: int) -> int | None:
    """The smallest count from `start` on that holds, by doubling and halving; None when none does."""
    low, high = start - 1, start
    while not holds(high):
        low, high = high, 2 * high
        if high > _COUNT_MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _same_types(one: Servers, other: Servers) -> bool:
    return all(mine.name == theirs.name for mine, theirs in zip(one.parts, other.parts, strict=True))
