"""Nothing is lost or counted twice, whoever takes the windows and whenever."""

import pytest

from loadtests.record.histograms import name_of
from loadtests.recording.collector import Collector
from loadtests.recording.window import Window
from tests.loadtests.making import START, Clock


def count(windows: list[Window]) -> int:
    return sum(part[2] for window in windows for part in window.histograms.values())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def collector(clock: Clock) -> Collector:
    made = Collector(clock)
    for second in range(3):
        for name in ("GET /a", "GET /b"):
            made.record(name, 1.0 + second)
        clock.now += 1
    return made


def test_a_second_is_closed_by_what_comes_after_it(collector: Collector, clock: Clock) -> None:
    assert [window.second - START for window in collector.take()] == [0, 1, 2]
    assert collector.take() == []
    collector.record("GET /a", 1.0)
    assert collector.take() == []
    clock.now += 1
    assert count(collector.take()) == 1


def test_the_open_second_is_taken_when_asked_for(collector: Collector) -> None:
    collector.record("GET /a", 1.0)
    assert count(collector.take(everything=True)) == 7


def test_who_takes_in_the_pause_of_another_has_what_the_other_has_not(collector: Collector) -> None:
    in_between: list[Window] = []

    def pause() -> None:
        if not in_between:
            in_between.extend(collector.take(everything=True))

    assert count(collector.take(pause=pause)) == 0
    assert count(in_between) == 6


@pytest.mark.parametrize("pauses", [1, 3, 6])
def test_who_is_killed_in_a_pause_has_lost_nothing(collector: Collector, pauses: int) -> None:
    def killed() -> None:
        nonlocal pauses
        pauses -= 1
        if not pauses:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collector.take(pause=killed)
    assert count(collector.take()) == 6


def test_a_clock_that_is_put_back_by_a_moment_opens_no_second_again(clock: Clock) -> None:
    collector = Collector(clock)
    clock.now += 1.001
    collector.record("GET /a", 1.0)
    clock.now -= 0.002
    collector.record("GET /a", 1.0)
    clock.now += 1.1
    assert [(window.second - START, count([window])) for window in collector.take()] == [(0, 0), (1, 2)]


def test_what_is_under_way_at_the_end_counts_in_the_last_whole_second_of_the_test(clock: Clock) -> None:
    collector = Collector(clock)
    clock.now += 2.5
    collector.end(clock.now)
    clock.now += 1.0
    collector.record("GET /begun_before", 1001.0)
    collector.record("GET /begun_after", 999.0)
    counted = {(name_of(tag)[0], window.second - START) for window in collector.take(True) for tag in window.histograms}
    assert counted == {("GET /begun_before", 1), ("GET /begun_after", 3)}


def test_the_end_of_one_test_is_forgotten_in_the_next(clock: Clock) -> None:
    collector = Collector(clock)
    clock.now += 2.5
    collector.end(clock.now)
    collector.begin()
    collector.record("GET /a", 1000.0)
    assert [window.second - START for window in collector.take(everything=True)] == [2]
