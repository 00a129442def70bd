"""What a generator process knows of the people it plays."""

from loadtests.adapting import Client
from loadtests.meetings import Meetings
from loadtests.recording.clock import RunClock
from loadtests.users.pool import PersonPool, population
from loadtests.users.world import World
from scenarios.load import load
from scenarios.people import person_id_of


def test_a_process_knows_whom_it_plays_itself() -> None:
    fired: list[str] = []
    scenario, clock, pool = load("phase-1"), RunClock(), PersonPool(population(1000, 1, "secret", 1, 2))
    world = World(
        *(scenario, Client(), lambda name, *_: fired.append(name), lambda *_: None, clock, pool, Meetings()),
        worker=1,
        workers=2,
    )
    own, others = person_id_of(4, 1), person_id_of(0, 1)
    for person, samples in ((others, []), (own, ["match detection"])):
        # When somebody liked whom another process plays is not known here.
        world.post.liking("anna", person)
        world.post.matched(f"anna and {person}", "anna", person)
        assert fired == samples
