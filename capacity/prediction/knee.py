"""How many people hold every latency target: of each draw the knee, by halving."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from capacity.prediction.flows import latency_targets
from capacity.prediction.result import Interval
from capacity.prediction.runs import Question, Run, interval
from capacity.prediction.site import Limit
from scenarios.schema import Scenario

DRAWS, _STEPS = 16, 7


@dataclass(frozen=True)
class Knee:
    """So many people hold every target; `broke_first` says what most draws break by: a target, or what is
    full.

    `drawn` are the knees of the single draws. With `full_people` the `fullest` host or station would have nothing left;
    without anybody it is busy by `idle_share`.
    """

    people: Interval
    broke_first: str | None
    drawn: tuple[float, ...]
    full_people: float
    fullest: str
    idle_share: float

    def busy_share(self, people: float) -> float:
        """Of the fullest, with so many people."""
        return Limit(self.fullest, self.full_people, self.idle_share).busy_share(people)


def knee(question: Question) -> Knee:
    """The most people with whom every latency target holds and nothing is full, over several ways how it may be."""
    limits = [question.there(draw).fullest(question.crowd) for draw in range(DRAWS)]
    found = [_of_one(question, draw, limit.people) for draw, limit in enumerate(limits)]
    people = [float(most) for most, _ in found]
    first = Counter(broken for _, broken in found).most_common(1)[0][0]
    fullest = Counter(limit.name for limit in limits).most_common(1)[0][0]
    full_people, idle_share = (
        float(np.median(values)) for values in zip(*((one.people, one.idle_share) for one in limits), strict=True)
    )
    return Knee(interval(people), first, tuple(people), full_people, fullest, idle_share)


def _of_one(question: Question, draw: int, full_people: float) -> tuple[int, str | None]:
    """The most people who hold in this draw, 0 when not even one does; and what breaks with a few more."""
    low, high, broken = 0, max(2, round(full_people)), None
    for _ in range(_STEPS):
        middle = max(1, (low + high) // 2)
        run = question.run(middle, draw)
        if worst := missed(question.scenario, run) or run.full:
            high, broken = middle, worst
        else:
            low = middle
    return min(low, high), broken


def missed(scenario: Scenario, run: Run) -> str | None:
    """The title of the target that is missed by most; None when all hold."""
    users, excess = scenario.population.users, dict[str, float]()
    for key, target in latency_targets(scenario).items():
        if key in run.latencies_ms:
            measured = float(np.percentile(run.latencies_ms[key], target.percentile or 95.0))
            excess[target.title] = measured / target.limit_at(users)
    worst = max(excess, key=lambda title: excess[title], default=None)
    return worst if worst and excess[worst] >= 1 else None
