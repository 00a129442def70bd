"""What a source says when it is asked."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reading:
    """By column of series.csv: values as they are, and totals that only ever grow."""

    values: dict[str, float] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)


class Source:
    """Something that fills columns, asked once a second. Totals become what was added a second."""

    def __init__(self, name: str, columns: frozenset[str], read: Callable[[], Reading]) -> None:
        self.name, self.columns = name, columns
        self._read = read
        self._before: dict[str, tuple[int, float]] = {}

    def sample(self, second: int) -> dict[str, float]:
        """Raises whatever the source raises when it does not answer."""
        reading = self._read()
        result = dict(reading.values)
        for column, total in reading.totals.items():
            if column in self._before:
                then, before = self._before[column]
                # After seconds without an answer the difference is spread: it must not look like a burst.
                # A server that was started anew counts from nothing: that is no negative load.
                result[column] = max(0.0, total - before) / max(1, second - then)
            self._before[column] = second, total
        return result
