"""Demands from windows: used = base + counts x demand, by weighted non-negative least squares.

The utilisation law for several kinds of requests, U = sum of X D (Denning & Buzen 1978), solved as in R-Capriccio
(Zhang, Cherkasova and others 2007). It needs mixes that differ: variance inflation says whether they do. Where they
differ little, what is likely beforehand decides: a weak prior, as uncertain as it is large.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
_ROUNDS = 3  # weights depend on the fit, and it on them
_NOISE_MIN = 0.01  # of exact counts: else what is likely has no weight, also where nothing else decides
PRIOR_SD = 1.0  # of what is likely: a demand may well be none, or twice as much


@dataclass(frozen=True)
class Resource:
    """W windows of one resource: `counts` (W, A) of those who may use it, else 0, and `used` (W,); a second each.

    `likely` (A,): whose demands are as large as each other's as long as nothing else is known. Any other is none as
    long as it is not needed to explain the use.
    """

    counts: Floats
    used: Floats
    likely: NDArray[np.bool_]

    @property
    def floor(self) -> float:
        return _FLOOR_SHARE * max(float(self.used.max()), 1e-12)


@dataclass(frozen=True)
class Prior:
    """What is likely of each demand that is: `level`, beside which a window's relative error is `noise`."""

    level: float
    noise: float


@dataclass(frozen=True)
class Demands:
    """`demand` (A, R) of each action at each resource, per count; `base` (R,) of nobody's, per second.

    `draws_*` (B, ...) are bootstrap repetitions. `error` (R,) is the median relative error of a window.
    """

    demand: Floats
    base: Floats
    draws_demand: Floats
    draws_base: Floats
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


def solved(
    resource: Resource,
    allowed: NDArray[np.bool_] | None = None,
    prior: Prior | None = None,
    means: Floats | None = None,
) -> Floats:
    """(A + 1,) demands and the base, none below 0. A window weighs by its relative error: the machine's speed is the
    largest part of it. Weights by the fit, fit by the weights: iteratively reweighted least squares (Holland & Welsch
    1977). `means` (A,): of the prior, in levels; 1 without."""
    found, weights = np.zeros(resource.counts.shape[1] + 1), 1 / (resource.used + resource.floor)
    for _ in range(_ROUNDS):
        found, _ = _least_squares(resource, weights, allowed, prior, means)
        weights = 1 / (_expected(resource, found) + resource.floor)
    return found


def fitted(resources: Sequence[Resource], block: Sequence[int] | NDArray[np.int64], draws: int, seed: int) -> Demands:
    """All resources over the same windows and actions; windows of one stretch have the same `block` (W,).

    The bootstrap keeps the mixes as they are and draws what the fit leaves over, relative to it: a part that all
    windows of a stretch have in common (the machine's speed in those minutes) and a window's own. What is likely is
    drawn as well, as far as it is uncertain (randomize then optimize: Bardsley and others 2014).
    """
    rng, where = np.random.default_rng(seed), np.unique(np.asarray(block), return_inverse=True)[1]
    # The same for all resources: in a slow minute everything is slow.
    drawn = [
        (rng.integers(where.max() + 1, size=where.max() + 1), rng.integers(len(where), size=len(where)))
        for _ in range(draws)
    ]
    answers, errors = [], list[float]()
    repetitions = list[list[Floats]]()
    for resource in resources:
        prior = likely(resource, where)
        allowed = needed(resource, prior)
        found = solved(resource, allowed, prior)
        expected = np.maximum(_expected(resource, found), 1e-12)
        relative = resource.used / expected - 1
        common, own = _parts(relative, where, int(allowed.sum()) + 1)
        answers.append(found)
        errors.append(float(np.median(np.abs(relative))))
        repetitions.append([])
        for stretches, windows in drawn:
            again = replace(resource, used=resource.used * np.maximum(0.0, 1 + common[stretches][where] + own[windows]))
            means = rng.normal(1.0, PRIOR_SD, len(allowed))
            repetitions[-1].append(solved(again, allowed, prior, means))
    demand, draws_demand = np.stack(answers, axis=1), np.array(repetitions).transpose(1, 2, 0)
    return Demands(demand[:-1], demand[-1], draws_demand[:, :-1], draws_demand[:, -1], np.array(errors))


def likely(resource: Resource, where: NDArray[np.int64]) -> Prior | None:
    """The one demand that explains a resource best when all likely ones are alike; None where none is.

    How far a window is off comes from the fit without a prior. Windows of a stretch, `where` (W,), share their speed,
    so they say less than as many that do not: an error in common counts once for each of them.
    """
    if not resource.likely.any():
        return None
    counts = np.column_stack([resource.counts[:, resource.likely].sum(axis=1), resource.counts[:, ~resource.likely]])
    level = float(solved(replace(resource, counts=counts, likely=np.zeros(counts.shape[1], np.bool_)))[0])
    free = solved(resource)
    relative = resource.used / np.maximum(_expected(resource, free), resource.floor) - 1
    common, own = _parts(relative, where, int((free > 0).sum()))
    noise = float(np.sqrt(len(own) / len(common) * (common**2).mean() + (own**2).mean()))
    return Prior(level, max(noise, _NOISE_MIN)) if level > 0 else None


def needed(resource: Resource, prior: Prior | None = None) -> NDArray[np.bool_]:
    """(A,): whose demand is needed to explain a resource; those that are likely always are.

    Backward elimination: whichever demand is missed least is left out, as long as that is no worse than chance (F to
    remove, Draper & Smith 1998, section 15.4). Else a request that never goes to a station would seem to, by a
    trace of CPU, and a prediction would let it wait there.
    """
    allowed: NDArray[np.bool_] = np.asarray(resource.counts.any(axis=0))
    stays = resource.likely if prior else np.zeros(len(allowed), np.bool_)
    places = np.arange(len(allowed))
    while True:
        found = solved(resource, allowed, prior)
        weights = 1 / (_expected(resource, found) + resource.floor)
        allowed = allowed & ((found[:-1] > 0) | stays)
        error = _least_squares(resource, weights, allowed, prior)[1]
        freedom = max(1, len(resource.used) - int(allowed.sum()) - 1)
        missed = {
            action: _least_squares(resource, weights, allowed & (places != action), prior)[1] - error
            for action in np.flatnonzero(allowed & ~stays)
        }
        least = min(missed, key=lambda action: missed[action], default=None)
        if least is None or missed[least] > _F_TO_REMOVE * error / freedom:
            return allowed
        allowed[least] = False


def _expected(resource: Resource, found: Floats) -> Floats:
    """(W,)"""
    return np.asarray(resource.counts @ found[:-1] + found[-1], np.float64)


def _least_squares(
    resource: Resource,
    weights: Floats,
    allowed: NDArray[np.bool_] | None,
    prior: Prior | None,
    means: Floats | None = None,
) -> tuple[Floats, float]:
    """(A + 1,) as `solved` has it, and the weighted sum of squares that is left over, the prior's included."""
    actions = resource.counts.shape[1]
    kept = np.append(allowed if allowed is not None else np.ones(actions, np.bool_), True)
    design = np.column_stack([resource.counts, np.ones(len(weights))]) * weights[:, None]
    goal = resource.used * weights
    if prior:
        # (demand - level x mean) / (level x sd) is normal, as a window's error is / noise: rows of their own (Theil &
        # Goldberger's mixed estimation, 1961).
        rows = np.eye(actions + 1)[np.append(resource.likely, False)] * prior.noise / (prior.level * PRIOR_SD)
        wanted = (means if means is not None else np.ones(actions))[resource.likely] * prior.noise / PRIOR_SD
        design, goal = np.vstack([design, rows]), np.append(goal, wanted)
    found = np.zeros(actions + 1)
    found[kept], left = nnls(design[:, kept], goal)
    return found, float(left**2)


def _parts(relative: Floats, where: NDArray[np.int64], parameters: int) -> tuple[Floats, Floats]:
    """What a fit leaves over: (stretches,) what all windows of one have in common, and (W,) each window's own.

    A fit takes up a part of what it is fitted to; what is left over is as much too small.
    """
    common = np.array([relative[where == number].mean() for number in range(int(where.max()) + 1)])
    own = relative - common[where]
    return common * enlarged(len(common), parameters), own * enlarged(len(own), parameters)


def enlarged(observations: int, parameters: int) -> float:
    """By how much residuals are enlarged: sqrt(n / (n - p)) (Davison & Hinkley 1997, section 6.2), twofold at most."""
    return float(np.sqrt(observations / max(observations - parameters, observations / 4)))
