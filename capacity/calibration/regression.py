"""Demands from windows: used = base + counts x demand, by weighted non-negative least squares.

The utilisation law for several kinds of requests, U = sum of X D (Denning & Buzen 1978), solved as in R-Capriccio
(Zhang, Cherkasova and others 2007). It needs mixes that differ: variance inflation says whether they do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]

# Beyond it a demand is the difference of two large numbers. Textbooks say 10 for some dozens of noisy observations;
# windows are exact to a few per cent, demands at 40 to 80 came out right, and intervals say how well each is known.
VIF_MAX = 100.0
_EXPLAINS = 0.3  # partial correlation; of three that are all alike it is a half
_F_TO_REMOVE = 4.0  # about the 95 % point of F with one degree of freedom
# Of a resource's largest use: what the clock's steps and other small things add to every window.
_FLOOR_SHARE = 0.02


@dataclass(frozen=True)
class Demands:
    """`demand` (A, R) of each action at each resource, per count; `base` (R,) of nobody's, per second.

    `draws_*` (B, ...) are bootstrap repetitions. `vif` (A,); `error` (R,) is the median relative error of a window.
    """

    demand: Floats
    base: Floats
    draws_demand: Floats
    draws_base: Floats
    vif: Floats
    error: Floats


def bundled(counts: Floats, weights: Floats) -> list[list[int]]:
    """The columns of `counts` (W, A) in bundles: what people do together whatever the mix cannot be told apart.

    Whichever action the others explain best is joined with the one that explains most of it (the largest partial
    correlation), until no variance inflation is beyond VIF_MAX or nothing else explains it. `weights` (A,): how dear
    the actions are beside each other, as far as is known; a bundle's demand is shared out so.
    """
    bundles = [[column] for column in range(counts.shape[1])]
    while len(bundles) > 1:
        together = summed(counts, bundles, weights)
        vif, partial = _collinearity(together)
        worst = int(np.argmax(vif))
        if vif[worst] <= VIF_MAX:
            break
        nearest = int(np.argmax(partial[worst]))
        if partial[worst, nearest] < _EXPLAINS:
            break
        one, other = sorted((worst, nearest))
        bundles[one] = bundles[one] + bundles.pop(other)
    return bundles


def summed(counts: Floats, bundles: Sequence[Sequence[int]], weights: Floats) -> Floats:
    """(W, bundles): each action's count by its weight."""
    return np.column_stack([counts[:, bundle] @ weights[bundle] for bundle in bundles])


def _collinearity(counts: Floats) -> tuple[Floats, Floats]:
    """(A,): variance inflation factors, 1 / (1 - R^2) of each action's counts given all others' (Marquardt 1970); and
    (A, A): partial correlations, the diagonal 0. Of what never changes the factor is infinite."""
    spread = counts.std(axis=0)
    constant = spread < 1e-9
    scaled = (counts - counts.mean(axis=0)) / np.where(constant, 1.0, spread)
    correlation = scaled.T @ scaled / len(counts)
    # So little that what the others explain to the last digit has a factor of 1e6, and not none.
    inverse = np.linalg.inv(correlation + 1e-6 * np.eye(len(correlation)))
    factors = np.diag(inverse).copy()
    partial = -inverse / np.sqrt(np.outer(factors, factors))
    np.fill_diagonal(partial, 0.0)
    return np.where(constant, np.inf, factors), partial


def inflation(counts: Floats) -> Floats:
    """(A,): variance inflation factors; see `_collinearity`."""
    return _collinearity(counts)[0]


def solved(counts: Floats, used: Floats, costs: NDArray[np.bool_] | None = None) -> tuple[Floats, Floats]:
    """(A, R) demands and (R,) bases, none below 0. A window weighs by its relative error: the machine's speed is the
    largest part of it. `costs` (A, R): whether an action may cost anything there."""
    design = np.column_stack([counts, np.ones(len(counts))])
    found = np.zeros((design.shape[1], used.shape[1]))
    for number, values in enumerate(used.T):
        allowed = np.append(costs[:, number], True) if costs is not None else np.ones(design.shape[1], np.bool_)
        weights = np.ones(len(values))
        floor = _FLOOR_SHARE * max(float(values.max()), 1e-12)
        for _ in range(3):
            found[allowed, number], _ = nnls(design[:, allowed] * weights[:, None], values * weights)
            weights = 1 / (design @ found[:, number] + floor)
    return found[:-1], found[-1]


def fitted(counts: Floats, used: Floats, block: Sequence[int] | NDArray[np.int64], draws: int, seed: int) -> Demands:
    """`counts` (W, A) and `used` (W, R) per second, windows of one stretch with the same `block`.

    The bootstrap keeps the mixes as they are and draws what the fit leaves over, relative to it: a part that all
    windows of a stretch have in common (the machine's speed in those minutes) and a window's own.
    """
    costs = needed(counts, used)
    demand, base = solved(counts, used, costs)
    expected = np.maximum(counts @ demand + base, 1e-12)
    relative = used / expected - 1
    blocks, where = np.unique(np.asarray(block), return_inverse=True)
    common = np.stack([relative[where == number].mean(axis=0) for number in range(len(blocks))])
    own = relative - common[where]
    # A fit takes up a part of what it is fitted to; what is left over is as much too small.
    parameters = counts.shape[1] + 1
    common, own = common * _enlarged(len(blocks), parameters), own * _enlarged(len(own), parameters)
    rng = np.random.default_rng(seed)
    found = [
        solved(counts, expected * np.maximum(0.0, 1 + drawn), costs)
        for drawn in (
            common[rng.integers(len(blocks), size=len(blocks))][where] + own[rng.integers(len(own), size=len(own))]
            for _ in range(draws)
        )
    ]
    return Demands(
        demand,
        base,
        np.stack([one for one, _ in found]),
        np.stack([one for _, one in found]),
        inflation(counts),
        np.median(np.abs(relative), axis=0),
    )


def needed(counts: Floats, used: Floats) -> NDArray[np.bool_]:
    """(A, R): whether an action's demand at a resource is needed to explain it.

    Backward elimination: whichever demand is missed least is left out, as long as that is no worse than chance (F to
    remove, Draper & Smith 1998, section 15.4). Else a request that never goes to a station would seem to, by a
    trace of CPU, and a prediction would let it wait there.
    """
    costs = np.ones((counts.shape[1], used.shape[1]), np.bool_)
    for number, values in enumerate(used.T):
        own = values[:, None]
        while True:
            demand, base = solved(counts, own, costs[:, [number]])
            weights = 1 / (counts @ demand[:, 0] + base[0] + _FLOOR_SHARE * max(float(values.max()), 1e-12))
            error = _error(counts, values, weights, costs[:, number])
            freedom = max(1, len(values) - int((demand > 0).sum()) - 1)
            costs[:, number] &= demand[:, 0] > 0
            places = np.arange(len(demand))
            missed = {
                action: _error(counts, values, weights, costs[:, number] & (places != action)) - error
                for action in np.flatnonzero(costs[:, number])
            }
            least = min(missed, key=lambda action: missed[action], default=None)
            if least is None or missed[least] > _F_TO_REMOVE * error / freedom:
                break
            costs[least, number] = False
    return costs


def _error(counts: Floats, values: Floats, weights: Floats, allowed: NDArray[np.bool_]) -> float:
    """The weighted sum of squares that is left over when only these actions cost anything."""
    design = np.column_stack([counts[:, allowed], np.ones(len(counts))])
    return float(nnls(design * weights[:, None], values * weights)[1] ** 2)


def _enlarged(observations: int, parameters: int) -> float:
    """By how much residuals are enlarged: sqrt(n / (n - p)) (Davison & Hinkley 1997, section 6.2), twofold at most."""
    return float(np.sqrt(observations / max(observations - parameters, observations / 4)))
