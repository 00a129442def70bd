"""A scenario's own servers: what its lines name on the price list, else what is like its infrastructure."""

from dataclasses import dataclass

from capacity.planning.judge import Servers
from capacity.planning.options import Market, Sizing
from scenarios.schema import Scenario


@dataclass(frozen=True)
class Own:
    """By name and number; a database is one replica set, a cache so many nodes."""

    app: str
    apps: int
    database: str
    cache: str
    nodes: int

    @property
    def rented(self) -> tuple[tuple[str, str, int], ...]:
        """By resource: a server's name, and how many of it."""
        return (
            ("app_servers", self.app, self.apps),
            ("database", self.database, 1),
            ("cache", self.cache, self.nodes),
        )

    def options(self, sizing: Sizing) -> Servers:
        """Two nodes and more are pairs of a shard and its replica; an odd number is one shard with replicas."""
        pairs = self.nodes // 2 if self.nodes % 2 == 0 else 1
        return Servers(
            sizing.option("app", self.app, self.apps),
            sizing.option("database", self.database, 1),
            sizing.option("cache", self.cache, pairs, copies=self.nodes // pairs),
        )


def own_servers(scenario: Scenario, market: Market) -> Own:
    """Every name is known: known.check has looked."""
    plan, types = scenario.infrastructure, market.machines.types
    named = [one for line in scenario.costs.lines for one in line.list_price if one.server]
    counts = {types[one.server].role: (one.server, int(one.quantity)) for one in named}
    app, apps = counts.get("app", (plan.app_instance, plan.apps))
    database, _ = counts.get("database", (market.machines.tier(plan.mongodb) or plan.mongodb, 1))
    cache, nodes = counts.get("cache", (_cache_of(market, plan.redis_gb), plan.redis_nodes))
    return Own(app, apps, database, cache, nodes)


def _cache_of(market: Market, gb: float) -> str:
    """The smallest Redis node with as much memory; the largest where none has."""
    nodes = [(one.memory_gb, name) for name, one in market.servers("cache") if name.startswith("redis.")]
    return min([node for node in nodes if node[0] >= gb], default=max(nodes))[1]
