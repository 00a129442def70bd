"""The simulator's inner loop: one event after the other. `simulate.py` makes the model and reads what came of it.

Every busy queue has a virtual clock that runs as fast as each of its jobs gets on; a job ends when that clock reaches
what it read at the job's start plus the job's work. So when a host's cores are shared out anew only clocks change their
speed, never a job (the virtual time of fair queueing: Demers, Keshav, Shenker 1989).
"""

from math import exp

import numpy as np

from capacity.queueing.compiled import compiled, inlined
from capacity.queueing.heaps import joined, without_least
from capacity.queueing.model import (
    ACQUIRE,
    EXPONENTIAL,
    FORK,
    LOGNORMAL,
    MARK,
    MEASURED,
    NEVER,
    NOBODY,
    RELEASE,
    SERVE,
    TO_BE_DRAWN,
    TOGETHER,
    WAIT,
    Model,
)

_ARRIVAL, _WAITED = -1, -2


@compiled
def run(m: Model, warm_up: int, wanted: int, rng: np.random.Generator) -> bool:
    """Until so many flows have ended after the warm-up's. False when work piled up beyond all room."""
    state, steady = m.state[0], True
    while steady and (state.since == NEVER or state.flows < wanted):
        if state.arrival == TO_BE_DRAWN:
            rate = arrivals_per_s(m)
            state.arrival = state.now + rng.standard_exponential() / rate if rate > 0 else NEVER
        now, event = state.arrival, _ARRIVAL
        if state.waits >= 0 and m.jobs[state.waits].key < now:
            now, event = m.jobs[state.waits].key, _WAITED
        for q in range(len(m.queues)):
            if m.queues[q].next < now:
                now, event = m.queues[q].next, q
        if now == NEVER:
            break  # everybody waits for everybody
        if state.turn < now:
            turned(m, state.turn)
            continue
        state.now = now
        state.events += 1
        if event == _ARRIVAL:
            state.arrival = TO_BE_DRAWN
            steady = arrived(m, now, rng)
        elif event == _WAITED:
            made_ready(m, state.waits)
            state.waits = without_least(m.jobs, state.waits)
        else:
            made_ready(m, left(m, event, now))
        while steady and state.ready >= 0:
            job = state.ready
            state.ready = m.jobs[job].following
            steady = advanced(m, job, now, rng)
        if state.since == NEVER and state.flows >= warm_up:
            cleared(m, now)
    for q in range(len(m.queues)):
        brought_up(m, q, state.now)
    return steady


@inlined
def advanced(m: Model, job: int, now: float, rng: np.random.Generator) -> bool:
    """Let a job take its steps until it has to wait for something. False when there is no room for a fork."""
    while m.jobs[job].step < m.flows[m.jobs[job].flow].end:
        step = m.steps[m.jobs[job].step]
        m.jobs[job].step += 1
        if step.kind == SERVE:
            m.jobs[job].key = drawn(m, step.law, job, rng)
            entered(m, chosen(m, step.what, rng), job, now)
            return True
        if step.kind == WAIT:
            m.jobs[job].key = now + drawn(m, step.law, job, rng)
            m.state[0].waits = joined(m.jobs, m.state[0].waits, job)
            return True
        if step.kind == MARK:
            marked(m, step.what, now - m.jobs[job].started)
        elif step.kind == RELEASE:
            given_back(m, step.what)
        elif step.kind == ACQUIRE and not taken(m, step.what, job):
            return True
        elif step.kind == FORK and step.copies > 0:
            m.jobs[job].children = step.copies
            for _ in range(step.copies):  # noqa: SIM110  # compiled code knows no generators
                if not begun(m, step.what, NOBODY, job, now, rng):
                    return False
            return True
    ended(m, job, now)
    return True


@inlined
def drawn(m: Model, number: int, job: int, rng: np.random.Generator) -> float:
    law = m.laws[number]
    if law.kind == EXPONENTIAL:
        return law.a * rng.standard_exponential()
    if law.kind == LOGNORMAL:
        return exp(law.a + law.b * rng.standard_normal())
    if law.kind == MEASURED or law.kind == TOGETHER:
        place = (rng.random() if law.kind == MEASURED else m.jobs[job].place) * (m.tables.shape[1] - 1)
        low = int(place)
        return m.tables[number, low] + (place - low) * (m.tables[number, low + 1] - m.tables[number, low])
    return law.a


# Who comes, and who goes


@inlined
def arrivals_per_s(m: Model) -> float:
    total = 0.0
    for w in range(len(m.sources)):
        total += m.sources[w].rate * (m.sources[w].thinking if m.sources[w].people > 0 else 1)
    return total


@inlined
def arrived(m: Model, now: float, rng: np.random.Generator) -> bool:
    """Somebody begins a flow. False when there is no room for it."""
    w, flow = 0, 0
    if len(m.sources) > 1:
        w = source_of(m, rng.random() * arrivals_per_s(m))
    if m.sources[w].people > 0:
        if m.sources[w].thinking == 0:
            return True  # rounding put the place beyond the last
        thinks(m, w, -1, now)
    if m.mix.shape[1] > 1:
        picked = rng.random()
        while flow < m.mix.shape[1] - 1 and picked >= m.mix[w, flow]:
            flow += 1
    return begun(m, flow, w, NOBODY, now, rng)


@inlined
def source_of(m: Model, place: float) -> int:
    """Whose arrival it is, by a place on the line of all rates."""
    w = 0
    while w < len(m.sources) - 1:
        place -= m.sources[w].rate * (m.sources[w].thinking if m.sources[w].people > 0 else 1)
        if place < 0:
            break
        w += 1
    return w


@inlined
def begun(m: Model, flow: int, source: int, parent: int, now: float, rng: np.random.Generator) -> bool:
    """A new job, ready for its first step. False when there is no room for it."""
    number = m.state[0].free
    if number < 0:
        return False
    job = m.jobs[number]
    m.state[0].free = job.following
    job.step, job.flow, job.source, job.parent = m.flows[flow].first, flow, source, parent
    job.children, job.started = 0, now
    job.child, job.sibling = NOBODY, NOBODY
    job.place = rng.random() if m.flows[flow].together else 0.0
    made_ready(m, number)
    return True


@inlined
def made_ready(m: Model, job: int) -> None:
    m.jobs[job].following = m.state[0].ready
    m.state[0].ready = job


@inlined
def ended(m: Model, job: int, now: float) -> None:
    """A job is done: whoever waits for it goes on, whoever began it thinks again."""
    parent, source = m.jobs[job].parent, m.jobs[job].source
    m.jobs[job].following = m.state[0].free
    m.state[0].free = job
    if parent >= 0:
        m.jobs[parent].children -= 1
        if m.jobs[parent].children == 0:
            made_ready(m, parent)
        return
    m.state[0].flows += 1
    m.flows[m.jobs[job].flow].ended += 1
    if m.sources[source].people > 0:
        thinks(m, source, 1, now)


@inlined
def thinks(m: Model, source: int, more: int, now: float) -> None:
    """The next arrival is drawn from an exponential law: when its rate changes, what is left of it scales (it has no
    memory: Gibson & Bruck 2000 reuse times so)."""
    before = arrivals_per_s(m)
    m.sources[source].thinking += more
    after = before + more * m.sources[source].rate
    if m.state[0].arrival == TO_BE_DRAWN or before == 0.0 or arrivals_per_s(m) == 0.0:
        m.state[0].arrival = TO_BE_DRAWN
    else:
        m.state[0].arrival = now + (m.state[0].arrival - now) * before / after


@inlined
def marked(m: Model, name: int, value: float) -> None:
    place = m.state[0].samples
    if place < len(m.names) and m.state[0].since < NEVER:
        m.names[place] = name
        m.values[place] = value
        m.state[0].samples = place + 1


@inlined
def cleared(m: Model, now: float) -> None:
    """The warm-up is over: what was counted is forgotten."""
    for q in range(len(m.queues)):
        brought_up(m, q, now)
        m.queues[q].work, m.queues[q].number = 0.0, 0.0
    for flow in range(len(m.flows)):
        m.flows[flow].ended = 0
    m.state[0].samples, m.state[0].flows, m.state[0].since = 0, 0, now


# Queues


@inlined
def chosen(m: Model, number: int, rng: np.random.Generator) -> int:
    """Which of a station's queues a job goes to."""
    station = m.stations[number]
    if station.end - station.first == 1:
        return station.first
    picked = station.first + int(rng.random() * (station.end - station.first))
    if station.least:
        least = m.queues[picked].serving + m.queues[picked].waiting
        for q in range(station.first, station.end):
            if m.queues[q].serving + m.queues[q].waiting < least:
                picked, least = q, m.queues[q].serving + m.queues[q].waiting
    return picked


@inlined
def entered(m: Model, q: int, job: int, now: float) -> None:
    """A job comes to a queue, its work in its key."""
    brought_up(m, q, now)
    queue = m.queues[q]
    if queue.sharing or queue.serving < queue.servers:
        before = queue.serving
        served(m, q, job)
        changed(m, q, before, now)
        return
    m.jobs[job].following = NOBODY
    if queue.waiting == 0:
        queue.first = job
    else:
        m.jobs[queue.last].following = job
    queue.last = job
    queue.waiting += 1


@inlined
def left(m: Model, q: int, now: float) -> int:
    """The job that has ended leaves; the next comes to its turn."""
    brought_up(m, q, now)
    queue = m.queues[q]
    before, job = queue.serving, queue.heap
    # The clock may miss its mark by the last bits of a float: it is set, so that nothing adds up.
    queue.clock = m.jobs[job].key
    queue.heap = without_least(m.jobs, job)
    queue.serving -= 1
    if queue.waiting > 0:
        following = queue.first
        queue.first = m.jobs[following].following
        queue.waiting -= 1
        served(m, q, following)
    elif queue.serving == 0:
        queue.clock = 0.0  # small again, so that it stays exact
    changed(m, q, before, now)
    return job


@inlined
def served(m: Model, q: int, job: int) -> None:
    """A job, whose work is its key, enters service."""
    m.jobs[job].key += m.queues[q].clock
    m.queues[q].heap = joined(m.jobs, m.queues[q].heap, job)
    m.queues[q].serving += 1


@inlined
def brought_up(m: Model, q: int, now: float) -> None:
    """Let a queue's clock run to now."""
    queue = m.queues[q]
    passed = now - queue.at
    queue.at = now
    if queue.serving > 0:
        queue.clock += passed * queue.speed
        queue.work += passed * queue.share * min(queue.serving, queue.servers)
        queue.number += passed * (queue.serving + queue.waiting)


@inlined
def changed(m: Model, q: int, before: int, now: float) -> None:
    """A queue had `before` jobs in service. Its clock is brought up."""
    timed(m, q, now)
    host, servers = m.queues[q].host, m.queues[q].servers
    if host >= 0 and min(before, servers) != min(m.queues[q].serving, servers):
        shared_out(m, host, now)


@inlined
def timed(m: Model, q: int, now: float) -> None:
    """How fast a queue's jobs get on, and when the next of them ends. Its clock must be brought up."""
    queue = m.queues[q]
    if queue.serving == 0:
        queue.next = NEVER
        return
    speed = queue.share
    if queue.host >= 0:
        speed *= m.hosts[queue.host].speed
    if queue.sharing and queue.serving > queue.servers:
        speed *= queue.servers / queue.serving
    queue.speed = speed
    work = m.jobs[queue.heap].key - queue.clock
    queue.next = now + (work / speed if work > 0 else 0.0)


@inlined
def shared_out(m: Model, host: int, now: float) -> None:
    """Give a host's cores to its threads: all of a core each while there are enough, else by weight."""
    first, end = m.hosts[host].first, m.hosts[host].end
    threads = 0
    for q in range(first, end):
        threads += min(m.queues[q].serving, m.queues[q].servers)
    level = water_level(m, host) if threads > m.hosts[host].cores else NEVER
    for q in range(first, end):
        share = min(1.0, level * m.queues[q].weight)
        if share != m.queues[q].share:
            brought_up(m, q, now)
            m.queues[q].share = share
            timed(m, q, now)


@inlined
def turned(m: Model, now: float) -> None:
    """The hosts' next period begins: from now on they are as fast as it says."""
    state = m.state[0]
    state.now, state.turn = now, now + m.period_s
    for host in range(len(m.hosts)):
        m.hosts[host].speed = m.speeds[host, state.turns % m.speeds.shape[1]]
        for q in range(m.hosts[host].first, m.hosts[host].end):
            brought_up(m, q, now)
            timed(m, q, now)
    state.turns += 1


@inlined
def water_level(m: Model, host: int) -> float:
    """The core share a unit of weight gets, when no thread can use more than one core: weighted max-min fairness by
    filling up (Bertsekas & Gallager 1992, section 6.5.2)."""
    level = 0.0
    while True:
        cores, weights = m.hosts[host].cores, 0.0
        for q in range(m.hosts[host].first, m.hosts[host].end):
            threads = min(m.queues[q].serving, m.queues[q].servers)
            if level * m.queues[q].weight >= 1.0:
                cores -= threads
            else:
                weights += threads * m.queues[q].weight
        higher = cores / weights if weights > 0 else level
        if higher <= level * (1 + 1e-12):
            return higher
        level = higher


# Pools


@inlined
def taken(m: Model, pool: int, job: int) -> bool:
    """Whether a token was there; else the job stands in line."""
    if m.pools[pool].tokens > 0:
        m.pools[pool].tokens -= 1
        return True
    m.jobs[job].following = NOBODY
    if m.pools[pool].first < 0:
        m.pools[pool].first = job
    else:
        m.jobs[m.pools[pool].last].following = job
    m.pools[pool].last = job
    return False


@inlined
def given_back(m: Model, pool: int) -> None:
    """The first in line has the token; it goes on."""
    first = m.pools[pool].first
    if first < 0:
        m.pools[pool].tokens += 1
    else:
        m.pools[pool].first = m.jobs[first].following
        made_ready(m, first)
