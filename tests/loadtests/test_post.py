"""Delivery and match detection are timed from sender to receiver; what is lost, doubled or reordered is counted."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.post import LOST_AFTER_S, Post, Sent
from scenarios.messages import Header


class Watch:
    """Time that stands still until it is told to go on, the samples that were fired, what was counted."""

    def __init__(self) -> None:
        self.ms = 1000.0
        self.fired: list[tuple[str, float, str | None]] = []
        self.counted: Counter[str] = Counter()

    def fire(self, name: str, latency_ms: float, problem: str | None) -> None:
        self.fired.append((name, round(latency_ms, 3), problem))

    def count(self, column: str, amount: float = 1, /) -> None:
        self.counted[column.removeprefix("messages_")] += int(amount)

    def monotonic_s(self) -> float:
        return self.ms / 1000

    def failures(self) -> list[str]:
        return [name for name, _, problem in self.fired if problem]


def office(watch: Watch, process: str = "a", people: tuple[str, ...] = ("anna", "ben"), alone: bool = True) -> Post:
    """`alone`: nobody else plays anybody."""
    made = Post(watch.fire, watch.count, watch, process, lambda person: alone or person in people)
    made.meet("anna", "ben")
    for person in people:
        made.arrived(person)
    return made


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def post(watch: Watch) -> Post:
    return office(watch)


def send(post: Post, receiver: str = "ben") -> Sent:
    return post.sending("anna", receiver, "match", "Hi!")


def test_delivery_is_from_send_to_receive(watch: Watch, post: Post) -> None:
    sent = send(post)
    watch.ms += 42
    assert post.received(sent.id)
    assert watch.fired == [("message delivery", 42, None)]
    assert watch.counted == {"sent": 1, "delivered": 1}


def test_delivery_to_another_process_is_timed_there_by_the_common_clock(watch: Watch) -> None:
    here, there = office(watch, "a", ("anna",), alone=False), office(watch, "b", ("ben",))
    sent = send(here)
    watch.ms += 7
    assert there.received(sent.id)
    here.stored(sent.id, 1)
    here.receipt("anna", "match", 1)
    watch.ms += LOST_AFTER_S * 1000 + 1
    here.count_lost()
    assert sent.confirmed.is_set()
    assert watch.fired == [("message delivery", 7, None)]
    assert watch.counted == {"sent": 1, "delivered": 1, "crossed": 1}


def test_what_another_process_never_confirms_is_lost(watch: Watch) -> None:
    here = office(watch, "a", ("anna",), alone=False)
    here.stored(send(here).id, 1)
    watch.ms += LOST_AFTER_S * 1000 + 1
    here.count_lost()
    assert watch.counted == {"sent": 1, "lost": 1}


def test_a_receipt_may_come_before_the_acknowledgement(watch: Watch) -> None:
    here = office(watch, "a", ("anna",))
    sent = send(here)
    here.receipt("anna", "match", 1)
    assert not sent.confirmed.is_set()
    here.stored(sent.id, 1)
    assert sent.confirmed.is_set()


def test_a_receipt_proves_nothing_when_the_receiver_is_here(watch: Watch, post: Post) -> None:
    sent = send(post)
    post.stored(sent.id, 1)
    post.receipt("anna", "match", 1)
    watch.ms += LOST_AFTER_S * 1000 + 1
    post.count_lost()
    assert watch.counted["lost"] == 1


def test_what_a_later_message_has_overtaken_for_good_is_missed_by_the_process_that_receives(watch: Watch) -> None:
    here, there = office(watch, "a", ("anna",), alone=False), office(watch, "b", ("ben",))
    dropped, arrived = send(here), send(here)
    there.received(arrived.id)
    for seq, sent in enumerate((dropped, arrived), 1):
        here.stored(sent.id, seq)
    here.receipt("anna", "match", 2)  # everything up to the second, says the backend
    watch.ms += LOST_AFTER_S * 1000 + 1
    here.count_lost()
    there.count_lost()
    there.count_lost()
    assert watch.counted == {"sent": 2, "delivered": 1, "crossed": 1, "lost": 1}


def test_what_was_given_up_is_not_delivered_any_more(watch: Watch, post: Post) -> None:
    sent = send(post)
    watch.ms += LOST_AFTER_S * 1000 + 1
    post.count_lost()
    assert post.received(sent.id) is None
    assert watch.counted == {"sent": 1, "lost": 1}


@pytest.mark.parametrize("foreign", ["somebody else's", "md-a-1", "md-A-1-1-1-1", "md-a-1-1-1-1-extra"])
def test_a_foreign_message_never_counts(watch: Watch, post: Post, foreign: str) -> None:
    assert post.received(foreign) is None
    assert (watch.fired, watch.counted) == ([], {})


def test_a_message_that_never_comes_is_counted_as_lost(watch: Watch, post: Post) -> None:
    send(post)
    watch.ms += LOST_AFTER_S * 1000 - 1
    post.count_lost()
    assert watch.fired == []
    watch.ms += 2
    post.count_lost()
    assert watch.failures() == ["message delivery"]
    assert watch.counted == {"sent": 1, "lost": 1}


def test_who_has_left_loses_nothing(watch: Watch, post: Post) -> None:
    send(post)
    post.left("ben")
    watch.ms += 1e6
    post.count_lost()
    assert watch.fired == []


def test_what_is_sent_to_somebody_who_has_left_is_not_lost(watch: Watch, post: Post) -> None:
    post.left("ben")
    sent = send(post)
    post.stored(sent.id, 1)
    watch.ms += 1e6
    post.count_lost()
    assert watch.counted == {"sent": 1, "offline": 1}


def test_who_comes_back_must_get_what_was_sent_meanwhile(watch: Watch, post: Post) -> None:
    post.away("ben")
    sent, lost = send(post), send(post)
    post.arrived("ben")
    watch.ms += 900
    post.received(sent.id, from_history=True)
    watch.ms += LOST_AFTER_S * 1000
    post.count_lost()
    assert watch.fired[0] == ("message delivery", 900, None)
    assert watch.counted == {"sent": 2, "delivered": 1, "lost": 1}
    assert not lost.delivered


def test_catching_up_is_neither_double_nor_out_of_order(watch: Watch, post: Post) -> None:
    first, second, third = send(post), send(post), send(post)
    post.received(third.id)
    for sent in (first, second, third):
        post.received(sent.id, from_history=True)
    assert watch.counted == {"sent": 3, "delivered": 3}


def test_what_a_stranger_wrote_while_one_was_away_is_read_as_history_and_not_missed(watch: Watch) -> None:
    there, here = office(watch, "b", ("carla",), alone=False), office(watch, "a", ())
    earlier, first, second, third = (there.sending("carla", "dan", "match", "Hi!") for _ in range(4))
    here.arrived("dan")
    for sent in (first, third):  # the second is dropped
        assert here.received(sent.id, stranger="dan")
    watch.ms += LOST_AFTER_S * 1000 + 1
    here.count_lost()
    there.count_lost()
    assert watch.counted == {"sent": 4, "delivered": 2, "crossed": 2, "lost": 1}
    # In the next session it begins anew.
    here.left("dan")
    here.arrived("dan")
    later = [there.sending("carla", "dan", "match", "Hi!") for _ in range(3)]
    assert here.received(later[-1].id, stranger="dan")
    watch.ms += LOST_AFTER_S * 1000 + 1
    here.count_lost()
    assert watch.counted["lost"] == 1
    assert not earlier.delivered
    assert not second.delivered


def test_a_stranger_whom_another_process_plays_need_not_be_there(watch: Watch) -> None:
    here = office(watch, "a", ("anna",), alone=False)
    here.sending("anna", "dan", "match", "Hi!")
    watch.ms += LOST_AFTER_S * 1000 + 1
    here.count_lost()
    assert watch.counted == {"sent": 1}


def test_a_like_from_before_the_run_is_not_the_second_one(watch: Watch, post: Post) -> None:
    """Ben, who is here, liked long ago: the match follows from Anna's like, whoever hears of it first."""
    post.liking("anna", "ben")
    watch.ms += 20
    post.matched("m", "ben", "anna")
    watch.ms += 5
    post.matched("m", "anna", "ben")
    assert watch.fired == [("match detection", 25, None)]


def test_what_a_client_had_to_send_again_may_come_twice(watch: Watch, post: Post) -> None:
    sent = send(post)
    assert post.send_again("anna") == [sent]
    post.received(sent.id)
    post.received(sent.id)
    assert watch.counted == {"sent": 1, "delivered": 1}


def faults() -> Iterator[st.SearchStrategy[tuple[str, int]]]:
    yield st.tuples(st.just("drop"), st.integers(0, 29))
    yield st.tuples(st.just("double"), st.integers(0, 29))
    yield st.tuples(st.just("swap"), st.integers(0, 28))


@given(st.lists(st.one_of(*faults()), max_size=12))
def test_every_fault_is_counted_and_none_is_invented(found: list[tuple[str, int]]) -> None:
    """A wire that drops, doubles and reorders whole messages; what it did to each one is known."""
    watch = Watch()
    post = office(watch)
    sent = [send(post).id for _ in range(30)]
    dropped = {sent[at] for kind, at in found if kind == "drop"}
    wire = [message for message in sent if message not in dropped]
    for kind, at in found:
        if kind == "swap" and at + 1 < len(wire):
            wire[at], wire[at + 1] = wire[at + 1], wire[at]
    doubled = {sent[at] for kind, at in found if kind == "double"} - dropped
    wire = [message for original in wire for message in ([original] * 2 if original in doubled else [original])]
    # Out of order is what comes after something that was sent later (RFC 4737, section 3).
    numbers = [sent.index(message) for message in dict.fromkeys(wire)]
    behind = sum(number < max(numbers[:at], default=-1) for at, number in enumerate(numbers))
    for message in wire:
        post.received(message)
    watch.ms += LOST_AFTER_S * 1000 + 1
    post.count_lost()
    assert watch.counted["lost"] == len(dropped)
    assert watch.counted["duplicated"] == len(doubled)
    assert watch.counted["reordered"] == behind
    assert watch.counted["delivered"] == 30 - len(dropped)


@given(st.from_regex(r"[0-9a-z]{1,16}", fullmatch=True), *[st.integers(0, 999_999) for _ in range(4)])
def test_a_header_gives_back_what_it_says(process: str, stream: int, number: int, sent_us: int, turns: int) -> None:
    header = Header(process, stream, number, sent_us, turns)
    assert Header.parse(str(header)) == header


# Matches


def test_a_match_is_timed_from_the_second_like_to_the_slower_socket(watch: Watch, post: Post) -> None:
    post.liking("anna", "ben")
    watch.ms += 5000
    post.liking("ben", "anna")
    watch.ms += 10
    post.matched("m", "anna", "ben")
    assert watch.fired == []
    watch.ms += 7
    post.matched("m", "ben", "anna")
    assert watch.fired == [("match detection", 17, None)]


def test_a_match_with_somebody_who_is_not_here_is_timed_on_the_one_socket(watch: Watch, post: Post) -> None:
    post.liking("anna", "carla")
    watch.ms += 9
    post.matched("m", "anna", "carla")
    assert watch.fired == [("match detection", 9, None)]


def test_a_match_of_which_one_side_never_hears_is_lost(watch: Watch, post: Post) -> None:
    post.liking("anna", "ben")
    post.liking("ben", "anna")
    post.matched("m", "anna", "ben")
    watch.ms += LOST_AFTER_S * 1000 + 1
    post.count_lost()
    assert watch.failures() == ["match detection"]


def test_a_match_that_neither_side_hears_of_is_lost_once(watch: Watch, post: Post) -> None:
    post.liking("anna", "ben")
    post.liking("ben", "anna")
    post.never_matched("anna", "ben")
    post.never_matched("ben", "anna")
    assert watch.failures() == ["match detection"]


def test_a_like_that_another_process_sent_is_not_guessed(watch: Watch) -> None:
    post = office(watch, people=("anna",), alone=False)
    post.liking("anna", "carla")
    watch.ms += 60_000
    post.matched("m", "anna", "carla")  # carla, played elsewhere, has just liked anna back
    assert watch.fired == []


def test_a_match_of_likes_from_before_the_run_is_no_sample(watch: Watch, post: Post) -> None:
    post.matched("m", "anna", "ben")
    assert watch.fired == []
