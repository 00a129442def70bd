"""How many people hold every latency target: of each draw the knee, by halving."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from capacity.prediction.flows import latency_targets
from capacity.prediction.result import Interval
from capacity.prediction.runs import Question, Run, interval
from scenarios.schema import Scenario

DRAWS, _STEPS = 16, 7
# Of the people with whom a host is full: targets of many times the mean may hold a little beyond.
_BEYOND = 1.3


@dataclass(frozen=True)
class Knee:
    """So many people hold every target; `broke_first` is the title of the first that more of them miss.

    `drawn` are the knees of the single draws. With `full_people` the `fullest` host would have nothing left.
    """

    people: Interval
    broke_first: str | None
    drawn: tuple[float, ...]
    full_people: float
    fullest: str


def knee(question: Question) -> Knee:
    """The most people with whom every latency target holds, over several ways how it may be."""
    bounds = [question.there(draw).fullest(question.crowd) for draw in range(DRAWS)]
    found = [_of_one(question, draw, full) for draw, (_, full) in enumerate(bounds)]
    people = [float(most) for most, _ in found]
    first = Counter(broken for _, broken in found if broken).most_common(1)
    fullest = Counter(host for host, _ in bounds).most_common(1)[0][0]
    full_people = float(np.median([full for _, full in bounds]))
    return Knee(interval(people), first[0][0] if first else None, tuple(people), full_people, fullest)


def _of_one(question: Question, draw: int, full_people: float) -> tuple[int, str | None]:
    """The most people who hold in this draw, and what breaks with a few more."""
    low, high, broken = 1, max(2, round(_BEYOND * full_people)), None
    for _ in range(_STEPS):
        middle = (low + high) // 2
        if worst := missed(question.scenario, question.run(max(1, middle), draw)):
            high, broken = middle, worst
        else:
            low = middle
    return low, broken


def missed(scenario: Scenario, run: Run) -> str | None:
    """The title of the target that is missed by most; None when all hold."""
    users, excess = scenario.population.users, dict[str, float]()
    for key, target in latency_targets(scenario).items():
        if key in run.latencies_ms:
            measured = float(np.percentile(run.latencies_ms[key], target.percentile or 95.0))
            excess[target.title] = measured / target.limit_at(users)
    worst = max(excess, key=lambda title: excess[title], default=None)
    return worst if worst and excess[worst] >= 1 else None
