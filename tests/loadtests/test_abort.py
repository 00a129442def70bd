"""A run stops by itself when a backend fails for long enough."""

from loadtests.record.histograms import Counts, tag_of
from loadtests.recording.abort import AbortWatch
from loadtests.recording.window import Window
from scenarios.schema import Abort

START = 1000


def window(second: int, good: int, bad: int, name: str = "GET /me") -> Window:
    made = Window(second)
    for failed, number in ((False, good), (True, bad)):
        if number:
            counts = Counts()
            for _ in range(number):
                counts.add(5.0)
            made.histograms[tag_of(name, failed)] = counts.encoded(), counts.highest_us, counts.total
    return made


def watched(rule: Abort, *windows: Window) -> str:
    watch = AbortWatch(rule)
    for one in windows:
        watch.add(one)
    return watch.reason(START + 12)


RULE = Abort(failed_percent=50, for_s=5)


def test_it_stops_when_half_failed_in_each_of_so_many_seconds() -> None:
    failing = [window(START + second, 4, 6) for second in range(12)]
    assert watched(RULE, *failing) == "60% of the requests failed in 5 s (abort.failed_percent = 50)"


def test_one_good_second_or_one_without_a_request_lets_it_go_on() -> None:
    seconds = [window(START + second, 4, 6) for second in range(12)]
    assert watched(RULE, *seconds[:8], window(START + 8, 9, 1), *seconds[9:]) == ""
    assert watched(RULE, *seconds[:8], *seconds[9:]) == ""


def test_workers_count_together_and_flows_do_not_count() -> None:
    two = [part for second in range(12) for part in (window(START + second, 10, 0), window(START + second, 0, 8))]
    assert watched(RULE, *two) == ""
    flows = [window(START + second, 0, 100, "FLOW profile load") for second in range(12)]
    assert watched(RULE, *two, *flows) == ""


def test_without_a_rule_nothing_stops_it() -> None:
    assert watched(Abort(), *(window(START + second, 0, 10) for second in range(12))) == ""
