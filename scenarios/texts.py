"""Text from files, made fit to be shown: a terminal obeys control characters, and a stranger may have written them."""

import re
from collections.abc import Iterable, Sequence

# C0 but line break and tab, DEL, C1; and what reverses the order of letters (Unicode's bidirectional controls).
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LETTERS_MAX, PROBLEMS_MAX = 100, 20


def visible(text: str) -> str:
    """The same, with a mark in the place of each letter that would do something else than be seen."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)


def shown(value: object) -> str:
    """What was given, for an error's sentence: cut where it gets long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, lists in lists
        return f"a {type(value).__name__} too long to be shown"
    return text if len(text) <= LETTERS_MAX else f"{text[:LETTERS_MAX]}..."


def first(problems: Sequence[str]) -> list[str]:
    """The first of many: a file of a stranger's may have a million."""
    more = [f"... and {len(problems) - PROBLEMS_MAX:,} more."] if len(problems) > PROBLEMS_MAX else []
    return [*problems[:PROBLEMS_MAX], *more]


def some(names: Iterable[str]) -> str:
    """Joined, cut where it gets long."""
    text = ", ".join(names)
    return text if len(text) <= 5 * LETTERS_MAX else f"{text[: 5 * LETTERS_MAX]}..."
