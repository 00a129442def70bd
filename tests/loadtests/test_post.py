"""Delivery and match detection are timed from sender to receiver, and what is lost is counted."""

import pytest

from loadtests import sockets
from loadtests.sockets import LOST_AFTER_S, Post


class Watch:
    """Time that stands still until it is told to go on, and the samples that were fired."""

    def __init__(self) -> None:
        self.ms = 1000.0
        self.fired: list[tuple[str, float, str | None]] = []

    def fire(self, name: str, latency_ms: float, problem: str | None) -> None:
        self.fired.append((name, latency_ms, problem))


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    found = Watch()
    monkeypatch.setattr(sockets, "now_ms", lambda: found.ms)
    return found


@pytest.fixture
def post(watch: Watch) -> Post:
    made = Post(watch.fire)
    made.arrived("anna")
    made.arrived("ben")
    return made


def test_delivery_is_from_send_to_receive(watch: Watch, post: Post) -> None:
    message, sent = post.sending("ben")
    watch.ms += 42
    post.received(message)
    assert watch.fired == [("message delivery", 42, None)]
    assert sent.delivered.is_set()


def test_a_message_that_comes_twice_counts_once_and_a_foreign_one_never(watch: Watch, post: Post) -> None:
    message, _ = post.sending("ben")
    for found in (message, message, "somebody else's"):
        post.received(found)
    assert len(watch.fired) == 1


def test_a_message_that_never_comes_is_counted_as_lost(watch: Watch, post: Post) -> None:
    post.sending("ben")
    watch.ms += LOST_AFTER_S * 1000 - 1
    post.count_lost()
    assert watch.fired == []
    watch.ms += 2
    post.count_lost()
    assert [(name, bool(problem)) for name, _, problem in watch.fired] == [("message delivery", True)]


def test_who_has_left_loses_nothing(watch: Watch, post: Post) -> None:
    post.sending("ben")
    post.left("ben")
    watch.ms += 1e6
    post.count_lost()
    assert watch.fired == []


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
    assert [bool(problem) for _, _, problem in watch.fired] == [True]


def test_a_match_that_neither_side_hears_of_is_lost(watch: Watch, post: Post) -> None:
    post.liking("anna", "ben")
    post.liking("ben", "anna")
    post.never_matched("anna", "ben")
    assert [bool(problem) for _, _, problem in watch.fired] == [True]


def test_a_like_that_another_process_sent_is_not_guessed(watch: Watch) -> None:
    post = Post(watch.fire, alone=False)
    post.arrived("anna")
    post.liking("anna", "carla")
    watch.ms += 60_000
    post.matched("m", "anna", "carla")  # carla, played elsewhere, has just liked anna back
    assert watch.fired == []


def test_a_match_of_likes_from_before_the_run_is_no_sample(watch: Watch, post: Post) -> None:
    post.matched("m", "anna", "ben")
    assert watch.fired == []
