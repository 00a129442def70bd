"""What a scenario's people do a second: imagined, without a network; of the phases once and for all.

`python -m cli.crowds` writes what ships with Matchday (`make behaviour`); tests compare it with what is imagined anew.
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
    rates = json.loads(BEHAVIOUR.read_text()).get(digest(scenario)) or imagined_rates(scenario)
    return Crowd(rates, half_of_couple(scenario.traffic), halves)


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
    """Of all that behaviour depends on."""
    parts = (scenario.traffic, scenario.population)
    text = "".join(part.model_dump_json() for part in parts) + str(scenario.load.concurrent_users)
    return sha256(text.encode()).hexdigest()[:16]


def main() -> None:
    scenarios = [load(name) for name in PHASES]
    print(json.dumps({digest(one): imagined_rates(one) for one in scenarios}, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
