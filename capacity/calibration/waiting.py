"""What a request takes when it meets nobody: its waiting, which is no CPU, and how much requests differ."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from statistics import mean

import numpy as np

from capacity.calibration.demands import ServiceDemands, on_one_machine
from capacity.calibration.file import Stretch
from capacity.calibration.latencies import Latency
from capacity.calibration.observations import Floats
from capacity.queueing.network import Moments
from capacity.queueing.simulate import simulate

_FLOWS, _SEED = 60_000, 1
# Of a request's CPU time, beside the mean: what takes longer still has waited for a disk or a timer.
_SHORTEST, _LONGEST = 0.7, 1.5


@dataclass(frozen=True)
class Alone:
    """Of one action, quantiles of one order: `wait_s` (Q,), and CPU time beside its mean, `cpu_shape` (Q,)."""

    wait_s: Floats
    cpu_shape: Floats


def alone(
    demands: ServiceDemands,
    measured: Mapping[str, Latency],
    stretches: Mapping[int, Stretch],
    cpus: float,
) -> dict[str, Alone]:
    """By action what a request takes when it meets nobody.

    `stretches` are those in which `measured` comes from. Each is simulated without waiting, on a machine as fast as it
    was then; what queues add to mean and variance is taken off the measured law, which keeps its form. What is left is
    CPU and waiting: the longer a request takes, the longer its share of both.
    """
    bare = replace(demands, waits={}, shapes={})
    found = {
        block: simulate(on_one_machine(bare, one.rates, one.people, cpus, 1 / mean(one.cost)), _FLOWS, _SEED).samples_s
        for block, one in stretches.items()
    }
    answer = {}
    for action, latency in measured.items():
        parts = [(found[block][action], count) for block, count in latency.counts.items() if action in found[block]]
        if parts := [(samples, count) for samples, count in parts if len(samples)]:
            answer[action] = _alone(latency, bare.flow(action).work_before_answer, *_moments(parts))
    return answer


def _moments(parts: list[tuple[Floats, int]]) -> tuple[float, float]:
    """Mean and variance of samples of several stretches, each weighing as many as were measured there."""
    weights = np.array([count for _, count in parts], np.float64)
    weights /= weights.sum()
    means = np.array([samples.mean() for samples, _ in parts])
    squares = np.array([(samples**2).mean() for samples, _ in parts])
    first = float(weights @ means)
    return first, max(0.0, float(weights @ squares) - first**2)


def _alone(latency: Latency, cpu: Moments, bare_s: float, bare_variance: float) -> Alone:
    """`bare_s`: the mean without waiting, of which `cpu` is work and the rest is queues.

    Means of what follows one another add up, and so do variances as long as the one does not depend on the other
    (Bienayme 1853): queues' variance is what the simulation has beyond that of its CPU times.
    """
    cpu_s, whole_s, sd_s = cpu.mean_s, latency.mean_ms / 1000, latency.sd_ms / 1000
    queues_s, queues_variance = max(0.0, bare_s - cpu_s), max(0.0, bare_variance - cpu.variance_s2)
    squeezed = sqrt(max(0.0, sd_s**2 - queues_variance)) / sd_s if sd_s else 0.0
    alone_s = max(cpu_s, whole_s - queues_s)
    quantiles = alone_s + squeezed * (latency.quantiles_ms / 1000 - whole_s)
    shape = np.clip(quantiles / alone_s if alone_s else np.ones(len(quantiles)), _SHORTEST, _LONGEST)
    shape /= _mean(shape)
    wait_s = np.maximum.accumulate(np.maximum(0.0, quantiles - cpu_s * shape))
    average = _mean(wait_s)
    return Alone(wait_s * ((alone_s - cpu_s) / average) if average > 0 else wait_s, shape)


def _mean(quantiles: Floats) -> float:
    return float((quantiles[1:] + quantiles[:-1]).mean() / 2)
