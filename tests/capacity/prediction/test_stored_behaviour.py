"""What the phases' people do, as it ships, is what would be imagined anew."""

import json

import pytest

from cli.crowds import crowd_of, digest, imagined_rates
from scenarios.load import BEHAVIOUR, PHASES, load

STORED = json.loads(BEHAVIOUR.read_text())


@pytest.mark.parametrize("name", ["phase-1", "phase-2"])
def test_what_is_stored_is_what_is_imagined(name: str) -> None:
    """`make behaviour` writes it anew."""
    scenario = load(name)
    assert STORED[digest(scenario)] == pytest.approx(imagined_rates(scenario))
    assert crowd_of(scenario).daters == STORED[digest(scenario)]


def test_how_many_there_are_changes_nobodys_behaviour() -> None:
    """Phase 3 has twice phase 2's people: what one of them does often enough to be known is the same."""
    assert digest(load("phase-3")) == digest(load("phase-2"))
    stored, imagined = STORED[digest(load("phase-3"))], imagined_rates(load("phase-3"))
    for action in ("POST /swipes", "IMAGE photo", "GET /matches/{id}/messages", "GET /discovery", "GET /profiles/{id}"):
        assert imagined[action] == pytest.approx(stored[action], rel=0.05)


def test_nothing_else_is_stored() -> None:
    assert set(STORED) == {digest(load(name)) for name in PHASES}


def test_other_behaviour_is_imagined() -> None:
    patient = load("phase-1", ["traffic.card_dwell.male.mean_s=20"])
    assert digest(patient) not in STORED
    assert crowd_of(patient).daters["POST /swipes"] < crowd_of(load("phase-1")).daters["POST /swipes"]
