"""What people see while a load runs: every target's value now beside its limit, no wider than a terminal."""

import io

import pytest
from rich.console import Console

from reports.load_terminal import LoadScreen, Now, View, plain

TARGETS = (
    Now("API response time", 1234.5, 200.0, "ms"),
    Now("Profile load", None, 1000.0, "ms"),
    Now("Match detection", 43.2, 500.0, "ms"),
    Now("Message delivery", 12.0, 300.0, "ms"),
    Now("Discovery feed", 31.0, 1000.0, "ms"),
    Now("Image load", 4.4, 500.0, "ms"),
)


def view(doubts: tuple[str, ...] = ()) -> View:
    return View("stage 12 of 24", 9876, 10_000, 2876.0, 12, 95.0, 300.0, TARGETS, doubts)


def test_a_log_gets_two_lines_of_80_columns_and_marks_what_is_over() -> None:
    lines = list(plain(view()))
    assert lines == [
        "stage 12 of 24: 9,876/10,000 people, 2876 req/s, 12 failed, 3:25 left",
        "  API 1234!, Profile –, Match 43, Message 12, Discovery 31, Image 4",
    ]
    assert max(len(line) + 2 for line in lines) <= 80


def test_doubts_about_the_generator_stand_in_the_first_line() -> None:
    assert next(iter(plain(view(("loop late 35 ms",))))).endswith("; loop late 35 ms")


@pytest.mark.parametrize("width", [80, 100])
def test_a_terminal_gets_a_table_with_limits(width: int) -> None:
    out = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    with LoadScreen(out, "Load: 10,000 people") as screen:
        screen.show(view())
        assert screen._screen
        screen._screen.refresh()
    assert isinstance(out.file, io.StringIO)
    shown = out.file.getvalue()
    for text in ("API response time", "< 1,000 ms", "over", "kept", "few samples", "3:25 left"):
        assert text in shown


def test_a_time_that_is_over_has_nothing_left() -> None:
    assert "0:00 left" in next(iter(plain(View("hold", 1, 1, 0.0, 0, 400.0, 300.0, (), ()))))
