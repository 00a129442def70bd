"""`matchday predict`: what so many people meet at a stack that was calibrated.

Means come from mean value analysis, percentiles from simulated runs of the same network: each draws demands from the
bootstrap, and the machine's speed from what it did while it was calibrated, so that the spread of the answers is that
of runs, not of a mean.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np

from capacity.calibration.checks import MEASURE
from capacity.calibration.file import Estimate
from capacity.calibration.observations import SOCKET
from capacity.prediction.bounds import bounds
from capacity.prediction.flows import latency_targets, missing_of
from capacity.prediction.knee import Knee
from capacity.prediction.result import NEEDED_SHARE, Interval, Prediction, StationUse, TargetLatency
from capacity.prediction.runs import FULL, Question, Run, interval
from capacity.prediction.site import Drawn, Site
from loadtests.record.histograms import samples_needed

DRAWS = 40
PERCENTILES = (50.0, 95.0, 99.0)
_FAR = 2.0  # times what was measured
_HOPELESS = 1.5  # times the people with whom a host is full


def predicted(question: Question, people: int, knee: Knee | None = None) -> Prediction:
    """What `people` of them at once meet. The same question, the same answer.

    Far beyond what the hosts can do nobody's latency is simulated: it is a ranking of hosts, and how many are needed.
    """
    asked = [question.there(draw) for draw in range(DRAWS)]
    if people > _HOPELESS * np.median([there.fullest(question.crowd).people for there in asked]):
        return _ranked(question, asked, people, knee)
    runs = [question.run(people, draw) for draw in range(DRAWS)]
    uses = tuple(sorted(_stations(question, runs), key=lambda use: use.utilisation.value, reverse=True))
    saturated = uses[0].utilisation.value > FULL
    fullest = float(np.median([max(run.hosts.values()) for run in runs]))
    return Prediction(
        question.scenario.name,
        people,
        ", ".join(question.calibration.runs),
        interval([run.requests_per_s for run in runs]),
        None if saturated else interval([1000 * run.there.response_s(question.crowd, people) for run in runs]),
        uses,
        tuple(_targets(question, runs, saturated)),
        saturated,
        _counts_per_s(question, people),
        tuple(bounds(question, asked, people)),
        knee.people if knee else None,
        knee.broke_first if knee else None,
        tuple(_notes(question, people, fullest)),
    )


def _counts_per_s(question: Question, people: int) -> dict[str, float]:
    """What all of them cause a second, besides CPU."""
    found, rates = defaultdict[str, float](float), question.crowd.rates(people)
    for action, measured in question.calibration.actions.items():
        for name, each in measured.counts.items():
            found[name] += people * rates.get(action, 0.0) * each.value
    return dict(found)


def _stations(question: Question, runs: Sequence[Run]) -> Iterator[StationUse]:
    """Hosts, then stations."""
    first, people = runs[0].there, runs[0].people
    cpu_ms = {station: _cpu_ms(question, [run.there for run in runs], station, people) for station in first.host}
    for host in first.cores:
        cores = float(np.median([run.there.cores[host] for run in runs]))
        spent = sum(cpu_ms[station] for station, on in first.host.items() if on == host)
        busy = interval([run.hosts[host] for run in runs])
        yield StationUse(host, cores, busy, spent, needed=_needed(question.site, host, busy))
    for station in first.stations:
        threads = question.calibration.stations[station.name].cores if station.servers > 1 else float(station.queues)
        yield StationUse(
            first.title(station),
            threads,
            interval([run.stations[station.name] / threads for run in runs]),
            cpu_ms[station.name],
            interval([run.seen.stations[station.name].number for run in runs]),
        )


def _needed(site: Site, host: str, busy: Interval) -> Interval:
    """Hosts of this kind, so that each is busy by NEEDED_SHARE at most: work is what it is (utilisation law)."""
    counts = site.hosts()[host][1]
    low, middle, high = (float(ceil(counts * share / NEEDED_SHARE)) for share in (busy.low, busy.value, busy.high))
    return Interval(max(1.0, middle), max(1.0, low), max(1.0, high))


def _ranked(question: Question, asked: Sequence[Drawn], people: int, knee: Knee | None) -> Prediction:
    """By the utilisation law alone (Denning & Buzen 1978): what would be asked of each host."""
    first, rates = asked[0], question.crowd.rates(people)
    uses = list[StationUse]()
    for host in first.cores:
        busy = interval([there.asked(rates, people)[host] for there in asked])
        spent = sum(_cpu_ms(question, asked, station, people) for station, on in first.host.items() if on == host)
        cores = float(np.median([there.cores[host] for there in asked]))
        uses.append(StationUse(host, cores, busy, spent, needed=_needed(question.site, host, busy)))
    uses.sort(key=lambda use: use.utilisation.value, reverse=True)
    per_s, users = people * question.requests_a_person_s(people), question.scenario.population.users
    no_latency = [
        TargetLatency(key, t.title, t.unit, t.limit_at(users), t.percentile or 95.0, None, 0.0)
        for key, t in latency_targets(question.scenario).items()
    ]
    return Prediction(
        question.scenario.name,
        people,
        ", ".join(question.calibration.runs),
        Interval(per_s, per_s, per_s),
        None,
        tuple(uses),
        tuple(no_latency),
        True,
        _counts_per_s(question, people),
        tuple(bounds(question, asked, people)),
        knee.people if knee else None,
        knee.broke_first if knee else None,
        tuple(_notes(question, people, uses[0].utilisation.value)),
    )


def _cpu_ms(question: Question, sites: Sequence[Drawn], station: str, people: int) -> float:
    """Of a request, over the whole mix; the median draw."""
    rates = question.crowd.rates(people)
    spent = [
        sum(rates.get(action, 0.0) * cpu_s[station] for action, cpu_s in there.demands.cpu_s.items()) for there in sites
    ]
    return 1000 * float(np.median(spent)) / question.requests_a_person_s(people)


def _targets(question: Question, runs: Sequence[Run], saturated: bool) -> Iterator[TargetLatency]:
    known = [action for action, found in question.calibration.actions.items() if found.latency_ms]
    for key, target in latency_targets(question.scenario).items():
        limit, missing = target.limit_at(question.scenario.population.users), missing_of(target, known)
        samples = [run.latencies_ms[key] for run in runs if key in run.latencies_ms]
        decides, usual = target.percentile or 95.0, float(np.median([len(one) for one in samples])) if samples else 0.0
        wanted = [p for p in sorted({*PERCENTILES, decides}) if usual >= samples_needed(p)]
        found = {p: [float(np.percentile(one, p)) for one in samples] for p in wanted}
        yield TargetLatency(
            key,
            target.title,
            target.unit,
            limit,
            decides,
            None if saturated or missing else {p: interval(values) for p, values in found.items()},
            float(np.mean([value < limit for value in found[decides]])) if decides in found else 0.0,
            missing,
        )


def _notes(question: Question, people: int, fullest: float) -> Iterator[str]:
    """How far the prediction reaches beyond what was measured."""
    calibration, rates = question.calibration, question.crowd.rates(people)
    never = sorted(action for action, rate in rates.items() if rate > 0 and action not in calibration.actions)
    # What an open socket costs may be part of what stations use by themselves.
    if never := [action for action in never if action != SOCKET]:
        yield f"Never measured, and left out: {', '.join(never)}. {MEASURE}"
    if question.scenario.phase != calibration.phase:
        yield (
            f"Calibrated on phase {calibration.phase}: what phase {question.scenario.phase} does apart is counted "
            f"where it was done there. `matchday verify {question.scenario.name}` measures it."
        )
    if fullest > calibration.utilisation_most:
        yield (
            f"The fullest host would be {100 * fullest:,.0f}% busy; calibrated up to "
            f"{calibration.utilisation_most:.0%}. What a request costs on a fuller one was never measured."
        )
    if wide := [name for name in calibration.actions if rates.get(name) and _unsure(calibration.total_cpu_ms(name))]:
        yield f"Known to no better than half of their value: the demands of {', '.join(wide)}."
    if people > _FAR * calibration.people_most:
        yield (
            f"{people / calibration.people_most:,.0f} times as many people as were there in the calibration: memory, "
            "sockets and the size of what is stored are not in this."
        )


def _unsure(total: Estimate) -> bool:
    return (total.high - total.low) / 2 > total.value / 2
