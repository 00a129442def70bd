"""What is fitted to what: bundles of actions, who reaches which station, and windows at one speed of the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from capacity.calibration import regression
from capacity.calibration.checks import MEASURE
from capacity.calibration.file import CalibrationError
from capacity.calibration.latencies import Latency
from capacity.calibration.observations import OFFLINE_MESSAGE, SOCKET, Floats, Observations, is_request
from capacity.calibration.paths import AFTERWARDS, OBJECT_STORE, WAY
from capacity.calibration.speed import SPEED_ELASTICITY, slowness

DRAWS, SEED = 60, 1
_REACHES = 0.1  # times per request; a share of a request that goes there now and then counts as well


@dataclass(frozen=True)
class Fit:
    """Bundles of actions, their variance inflation `vif` (A,), and each action's demand at each resource.

    `slow` (W,): how much slower the machine was than in the median window; `steady`: the windows as they would have
    been in that one.
    """

    bundles: list[list[int]]
    vif: Floats
    demands: regression.Demands
    slow: Floats
    steady: Observations


def fitted(seen: Observations, measured: Mapping[str, Latency]) -> Fit:
    """Requests' demands are likely to be in proportion to their latencies, wherever all of them pass; those of a bundle
    share it so. Raises CalibrationError when a demand cannot be told from the others.
    """
    weights = np.array([_weight(name, measured) for name in seen.actions])
    bundles = regression.bundled(seen.counts, weights)
    vif = regression.inflation(regression.summed(seen.counts, bundles, weights))
    if vif[beyond := int(np.argmax(vif))] > regression.VIF_MAX:
        names = ", ".join(seen.actions[column] for column in bundles[beyond])
        raise CalibrationError(
            f"The demand of {names} cannot be told from that of the others (variance inflation {vif[beyond]:.0f}, "
            f"limit {regression.VIF_MAX:g}): these runs have no mix with more or less of it alone. {MEASURE}"
        )
    reaches = reached(seen)
    requests = np.array([all(seen.actions[column] in measured for column in bundle) for bundle in bundles])
    resources = [
        regression.Resource(
            regression.summed(seen.counts * reaches[:, number], bundles, weights),
            seen.used[:, number],
            requests & (name in seen.stations and name not in AFTERWARDS),
        )
        for number, name in enumerate(seen.resources)
    ]
    slow, stations = slowness(seen), len(seen.stations)
    used = seen.used.copy()
    used[:, :stations] /= slow[:, None] ** SPEED_ELASTICITY
    resources = [replace(resource, used=used[:, number]) for number, resource in enumerate(resources)]
    fit = regression.fitted(resources, seen.block, DRAWS, SEED)
    owner = {column: number for number, bundle in enumerate(bundles) for column in bundle}
    order = [owner[column] for column in range(len(seen.actions))]
    shares = weights[:, None] * reaches
    demands = replace(fit, demand=fit.demand[order] * shares, draws_demand=fit.draws_demand[:, order] * shares)
    return Fit(bundles, vif[order], demands, slow, replace(seen, used=used))


def reached(seen: Observations) -> NDArray[np.bool_]:
    """(A, R): whether an action may use a resource. A request that does not reach an app, by the app's own count, costs
    nothing there; one that reaches no app at all costs nothing behind the apps either: only pictures come from the
    object store through the proxy."""
    found = np.ones((len(seen.actions), len(seen.resources)), np.bool_)
    asked = np.array([is_request(name) for name in seen.actions])
    where = np.unique(seen.block, return_inverse=True)[1]
    for station, count in seen.requests.items():
        resource = regression.Resource(seen.counts, count, asked)
        times = regression.solved(resource, prior=regression.likely(resource, where))[:-1]
        found[:, seen.stations.index(station)] = (times >= _REACHES) | ~asked
    if seen.requests:
        nowhere = ~found[:, [seen.stations.index(station) for station in seen.requests]].any(axis=1)
        for number, name in enumerate(seen.stations):
            if name not in (*WAY, OBJECT_STORE):
                found[nowhere, number] = False
    return found


def identifiable(seen: Observations) -> Observations:
    """Where there are always as many sockets, what an open one costs is part of what stations use by themselves."""
    if SOCKET in seen.actions and len(seen.block) > 1:
        vif = regression.inflation(seen.counts)[seen.actions.index(SOCKET)]
        return seen.without(SOCKET) if vif > regression.VIF_MAX else seen
    return seen


def _weight(action: str, measured: Mapping[str, Latency]) -> float:
    """How dear an action is beside those of its bundle, as far as its latency says."""
    name = {OFFLINE_MESSAGE: "WS message delivery"}.get(action, action)
    return max(0.1, measured[name].mean_ms) if name in measured else 1.0
