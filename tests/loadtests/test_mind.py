"""What people decide follows the traffic model."""

import random
from statistics import mean, median, stdev

import pytest

from loadtests.users.mind import Deed, Mind
from loadtests.users.store import Store, Turn
from scenarios.conversations import ConversationLengths, first_message_after_s
from scenarios.load import load
from scenarios.people import Sex, person_id_of
from scenarios.popularity import LIKED_AT_MOST, popularity

SCENARIO = load("phase-1")
TRAFFIC = SCENARIO.traffic
IDS = [person_id_of(index, 1) for index in range(1000)]
POPULAR = dict(zip(IDS, popularity(1000, 1).tolist(), strict=True))
DRAWS = 20_000


@pytest.fixture
def mind() -> Mind:
    return Mind(TRAFFIC, POPULAR, random.Random(1))


@pytest.mark.parametrize(("sex", "published"), [(Sex.MALE, 0.368), (Sex.FEMALE, 0.053)])
def test_likes_are_as_frequent_as_published(mind: Mind, sex: Sex, published: float) -> None:
    share = mean(mind.likes(sex, other) for other in IDS for _ in range(20))
    assert share == pytest.approx(published, abs=0.012)  # 3.5 standard errors


def test_the_popular_are_liked_more_but_not_by_everybody(mind: Mind) -> None:
    ids = sorted(POPULAR, key=lambda person: POPULAR[person])
    least, most = (mean(mind.likes(Sex.MALE, person) for _ in range(2000)) for person in (ids[0], ids[-1]))
    assert most > 5 * least
    assert most == pytest.approx(LIKED_AT_MOST, abs=0.02)


def test_dwell_times_have_the_published_mean_and_deviation(mind: Mind) -> None:
    dwell = TRAFFIC.card_dwell.female
    drawn = [mind.duration_s(dwell) for _ in range(DRAWS)]
    assert mean(drawn) == pytest.approx(dwell.mean_s, rel=0.03)
    assert stdev(drawn) == pytest.approx(dwell.sd_s, rel=0.1)


def test_what_is_found_under_way_is_longer_and_on_average_half_over(mind: Mind) -> None:
    """Inspection paradox: the mean of the whole is E[L^2] / E[L]."""
    law = TRAFFIC.session_s
    found = [mind.under_way(law) for _ in range(DRAWS)]
    assert mean(whole for whole, _ in found) == pytest.approx(law.mean_s + law.sd_s**2 / law.mean_s, rel=0.03)
    assert mean(elapsed / whole for whole, elapsed in found) == pytest.approx(0.5, abs=0.01)


def test_conversations_have_the_published_mean_half_end_at_once_and_the_tail_is_fat() -> None:
    lengths = ConversationLengths(TRAFFIC.conversations)
    assert lengths.mean == pytest.approx(9.5)
    rng = random.Random(1)
    drawn = [lengths.drawn(rng.random()) for _ in range(DRAWS)]
    assert mean(drawn) == pytest.approx(9.5, rel=0.06)
    assert mean(length == 1 for length in drawn) == pytest.approx(0.5, abs=0.012)
    assert 1 <= min(drawn) <= max(drawn) <= 200
    # An exponential tail of the same mean would have a fiftieth of that beyond 100 messages.
    assert mean(length > 100 for length in drawn) > 0.005


@pytest.mark.parametrize("u", [0.0, 1 - 1e-12])
def test_the_ends_of_the_law_are_lengths_too(u: float) -> None:
    lengths = ConversationLengths(TRAFFIC.conversations)
    assert lengths.drawn(u) in (1, 200)
    assert lengths.left(u) in (1, 200)


def test_of_two_who_match_one_begins_at_most_and_both_know_who() -> None:
    law, begun, by_men = TRAFFIC.conversations, 0, 0
    for number in range(DRAWS):
        anna, ben = (f"a{number}", Sex.FEMALE), (f"b{number}", Sex.MALE)
        match_id = f"{anna[0]}:{ben[0]}"
        hers, his = (first_message_after_s(law, match_id, *pair) for pair in ((anna, ben), (ben, anna)))
        assert hers is None or his is None
        begun += hers is not None or his is not None
        by_men += his is not None
    assert begun / DRAWS == pytest.approx(0.66, abs=0.012)
    assert by_men / begun == pytest.approx(0.79, abs=0.012)


@pytest.mark.parametrize(
    ("sexes", "median_s", "within_5_min"), [((Sex.MALE, Sex.FEMALE), 120, 0.63), ((Sex.FEMALE, Sex.MALE), 2280, 0.18)]
)
def test_first_messages_take_as_long_as_published(sexes: tuple[Sex, Sex], median_s: float, within_5_min: float) -> None:
    (one, other), law = sexes, TRAFFIC.conversations
    found = (first_message_after_s(law, str(n), ("one", one), ("other", other)) for n in range(DRAWS))
    delays = [delay for delay in found if delay is not None]
    assert median(delays) == pytest.approx(median_s, rel=0.25)
    assert mean(delay <= 300 for delay in delays) == pytest.approx(within_5_min, abs=0.03)


def test_who_is_written_to_answers_before_the_next_card(mind: Mind) -> None:
    store = Store()
    store.wants_to_write(Turn(10.0, "m", "ben", 3))
    assert mind.next_deed(store, 9.9) is not Deed.WRITE
    assert mind.next_deed(store, 10.0) is Deed.WRITE


def test_most_deeds_are_swipes_and_the_others_come_as_often_as_the_scenario_says(mind: Mind) -> None:
    deeds = [mind.next_deed(Store(), 0.0) for _ in range(DRAWS)]
    assert mean(deed is Deed.SWIPE for deed in deeds) == pytest.approx(0.9, abs=0.01)
    elsewhere = [deed for deed in deeds if deed is not Deed.SWIPE]
    for name, share in TRAFFIC.elsewhere.items():
        assert mean(deed.value == name for deed in elsewhere) == pytest.approx(share.value, abs=0.04)


def test_a_later_turn_of_the_same_conversation_takes_the_place_of_the_earlier() -> None:
    store = Store()
    store.wants_to_write(Turn(1.0, "m", "ben", None))
    store.wants_to_write(Turn(5.0, "m", "ben", 3, read_seq=2))
    store.wants_to_write(Turn(2.0, "n", "carl", 1))
    assert [store.next_turn().turns_left for _ in range(2)] == [1, 3]
    assert not store.due(100.0)


def test_a_message_is_news_once() -> None:
    store = Store()
    assert [store.has_read("m", seq) for seq in (2, 1, 2, 3)] == [True, False, False, True]


def test_people_can_be_told_to_behave_otherwise(mind: Mind) -> None:
    mixes = load("calibration")
    mind.behave(mixes.traffic_of("moves"))
    deeds = [mind.next_deed(Store(opened_s=0.0, leaves_s=1e9), 0.0) for _ in range(1000)]
    assert deeds.count(Deed.MOVE) / len(deeds) == pytest.approx(0.9, abs=0.05)
    mind.behave(mixes.traffic_of("likes"))
    assert mean(mind.likes(Sex.FEMALE, other) for other in IDS) == pytest.approx(0.9, abs=0.05)
