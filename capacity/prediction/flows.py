"""What a target measures, from simulated requests."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from loadtests.record import matches
from scenarios.schema import Scenario, Target

if TYPE_CHECKING:  # it compiles the simulator, and a plan needs only the names
    from capacity.queueing.simulate import Simulated

# A page is a profile, then all its photos at once.
PAGE, PROFILE, PHOTO = "FLOW profile load", "GET /profiles/{id}", "IMAGE photo"
PARTS = {PAGE: (PROFILE, PHOTO)}


def latency_targets(scenario: Scenario) -> dict[str, Target]:
    """Those that a prediction answers."""
    return {key: t for key, t in scenario.targets.targets.items() if t.metric == "latency_ms" and t.judged}


def actions_of(target: Target, known: Sequence[str]) -> list[str]:
    """The actions whose latency a target is about, of those that are known."""
    return [name for name in known if matches(name, target.samples)]


def missing_of(target: Target, known: Sequence[str]) -> tuple[str, ...]:
    """What would have to be measured first; empty when nothing is missing."""
    if actions_of(target, known):
        return ()
    parts = [part for name in target.samples for part in PARTS.get(name, (name,))]
    return tuple(part for part in parts if part not in known)


def samples_of(scenario: Scenario, seen: "Simulated") -> dict[str, NDArray[np.float64]]:
    """Milliseconds, by target; a target without samples is left out."""
    found = {}
    for key, target in latency_targets(scenario).items():
        parts = [seen.samples_s[name] for name in actions_of(target, list(seen.samples_s))]
        if any(name in PARTS for name in target.samples):
            parts = [_pages(seen.samples_s, scenario.population.photos_per_person_max)]
        if sum(map(len, parts)):
            found[key] = 1000 * np.concatenate(parts)
    return found


def _pages(samples_s: Mapping[str, NDArray[np.float64]], photos_max: int) -> NDArray[np.float64]:
    """A profile's time and that of the slowest of its photos, 1 to `photos_max` of them."""
    profiles, photos = samples_s.get(PROFILE, np.array([])), samples_s.get(PHOTO, np.array([]))
    if not len(photos):
        return np.array([])
    rng = np.random.default_rng(1)
    drawn = photos[rng.integers(len(photos), size=(len(profiles), photos_max))]
    there = np.arange(photos_max) <= rng.integers(photos_max, size=len(profiles))[:, None]
    return np.asarray(profiles + np.where(there, drawn, 0.0).max(axis=1), np.float64)
