"""What a scenario's people do a second: imagined, without a network; of the phases once and for all.

`make behaviour` writes what ships with Matchday; tests compare it with what is imagined anew.
"""

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from scenarios.couples import halves_of_couples
from scenarios.load import BEHAVIOUR, PHASES, load, load_published
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from capacity.prediction.crowd import Crowd


def crowd_of(scenario: Scenario) -> "Crowd":
    """The scenario's people; those of a phase whose behaviour nobody changed need not be imagined again."""
    from capacity.prediction.crowd import Crowd, half_of_couple

    halves = halves_of_couples(scenario.traffic, scenario.load.concurrent_users)
    rates = _stored().get(digest(scenario))
    return Crowd(rates or imagined_rates(scenario), half_of_couple(scenario.traffic), halves)


def is_stored(scenario: Scenario) -> bool:
    """Whether `crowd_of` answers at once; else it takes some seconds."""
    return digest(scenario) in _stored()


def _stored() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads(BEHAVIOUR.read_text())
    return found


def imagined_rates(scenario: Scenario) -> dict[str, float]:
    """What one person does a second, by action."""
    from capacity.calibration.observations import OFFLINE_MESSAGE, SOCKET
    from loadtests.users.emergent import behaviour

    found = behaviour(scenario, load_published())
    a_minute = {figure.key: figure.value for figure in found.figures}
    events = {
        "WS match detection": a_minute["matches_a_minute"],
        "WS message delivery": a_minute["messages_a_minute"] - found.messages_offline_a_minute,
        OFFLINE_MESSAGE: found.messages_offline_a_minute,
    }
    return {name: rate / 60 for name, rate in (found.requests_a_minute | events).items()} | {SOCKET: 1.0}


def digest(scenario: Scenario) -> str:
    """Of all that one person's behaviour depends on; how many others there are is not of it, nor is where they live."""
    population = scenario.population.model_dump_json(exclude={"users", "seed", "cities"})
    text = scenario.traffic.model_dump_json() + population
    return sha256(text.encode()).hexdigest()[:16]


def main() -> None:
    found: dict[str, dict[str, float]] = {}
    for scenario in map(load, PHASES):
        if digest(scenario) not in found:
            found[digest(scenario)] = imagined_rates(scenario)
    print(json.dumps(found, indent=1, sort_keys=True))
