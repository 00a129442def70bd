"""What the behaviour makes of the traffic model agrees with what is published; no network is involved."""

import subprocess
import sys

import pytest

from loadtests.users.emergent import behaviour
from loadtests.users.imagined import Town
from scenarios.figures import Behaviour
from scenarios.load import load, load_published

# As far as the sources differ from each other where two of them give one figure: swipes that match are 1.1 % in one
# and 1.6 % in another, messages a match 6.0 and 6.3. Chance comes on top, three standard errors of it.
DEVIATION_MAX = 0.1


@pytest.fixture(scope="module", params=["phase-1", "phase-3"])
def found(request: pytest.FixtureRequest) -> Behaviour:
    return behaviour(load(request.param), load_published())


def test_every_figure_is_near_what_is_published(found: Behaviour) -> None:
    far = {
        figure.title: f"{figure.value:.3g} ± {figure.error:.2g}, published {figure.low:g} to {figure.high:g}"
        for figure in found.figures
        if not figure.low * (1 - DEVIATION_MAX) - 3 * figure.error
        < figure.value
        < figure.high * (1 + DEVIATION_MAX) + 3 * figure.error
    }
    assert far == {}
    # The interval must not be so wide that anything fits.
    assert all(figure.error < 0.15 * figure.value for figure in found.figures)


def test_every_published_figure_is_compared_and_has_a_source(found: Behaviour) -> None:
    published = load_published()
    assert [figure.key for figure in found.figures] == list(published.figures)
    assert {figure.source for figure in found.figures} == set(published.sources)


def test_everybody_does_everything(found: Behaviour) -> None:
    asked = {"POST /swipes", "GET /discovery", "IMAGE photo", "GET /matches", "GET /matches/{id}/messages"}
    asked |= {"GET /profiles/{id}", "PUT /matches/{id}/read", "PATCH /me", "PUT /me/location", "POST /photos"}
    assert asked <= set(found.requests_a_minute)


def test_most_messages_go_to_people_who_are_not_online(found: Behaviour) -> None:
    """One in ten is, and somebody who was just written to may be waiting for it."""
    messages = next(figure.value for figure in found.figures if figure.key == "messages_a_minute")
    assert 0.3 * messages < found.messages_offline_a_minute < 0.95 * messages


def test_a_figure_that_is_off_says_by_how_much() -> None:
    rude = behaviour(load("phase-1", ["traffic.conversations.answered_share.value=0.1"]), load_published())
    answered = next(figure for figure in rude.figures if figure.key == "answered_percent")
    assert answered.value == pytest.approx(10, abs=4)
    assert answered.deviation == pytest.approx(answered.value / 50 - 1)


def test_the_same_seed_gives_the_same_answer() -> None:
    one, same, other = (Town(load("phase-1"), 30, seed).run(600) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_arrivals_keep_the_town_as_full_as_asked() -> None:
    """Little's law: people online = arrivals x session. Nobody regulates it."""
    minutes = 60
    seen = [Town(load("phase-1"), 40, seed).run(60 * minutes) for seed in range(5)]
    online = sum(one.person_s for one in seen) / len(seen) / (60 * minutes)
    assert online == pytest.approx(40, rel=0.12)  # 3 standard errors: about 8 independent looks a town


def test_no_network_and_no_locust_are_needed() -> None:
    code = (
        "import sys, loadtests.users.emergent; sys.exit('locust' in sys.modules or 'geventhttpclient' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
