"""What somebody knows while the app is open: the deck, and where it is their turn to write. No behaviour here."""

import heapq
from dataclasses import dataclass, field

from loadtests.client import Card


@dataclass(order=True)
class Turn:
    """A conversation in which this person means to write next, or at least to read.

    `turns_left`: messages that the two still have for each other, this person's next one included; None when it takes
    a look at the messages above `read_seq` to know.
    """

    due_s: float
    match_id: str = field(compare=False)
    other_id: str = field(compare=False)
    turns_left: int | None = field(compare=False)
    read_seq: int = field(default=0, compare=False)
    begins: bool = field(default=False, compare=False)  # nobody has written yet


@dataclass
class Store:
    """One session's knowledge. Times are seconds of the generator's clock."""

    deck: list[Card] = field(default_factory=list)
    opened_s: float = 0.0
    leaves_s: float = 0.0
    under_way: bool = False  # the session was found under way, and no deck has been looked at
    place: tuple[float, float] = (0.0, 0.0)  # latitude, longitude
    _turns: list[Turn] = field(default_factory=list)  # a heap; what a later one of the same match replaced is in it too
    _turn_in: dict[str, Turn] = field(default_factory=dict)
    _read_seq: dict[str, int] = field(default_factory=dict)

    def wants_to_write(self, turn: Turn) -> None:
        self._turn_in[turn.match_id] = turn
        heapq.heappush(self._turns, turn)

    def has_read(self, match_id: str, seq: int) -> bool:
        """Everything up to `seq` is read now. Returns whether that is news."""
        news = seq > self._read_seq.get(match_id, 0)
        if news:
            self._read_seq[match_id] = seq
        return news

    def due(self, now_s: float) -> bool:
        """Whether there is somebody to write to now."""
        self._forget_replaced()
        return bool(self._turns) and self._turns[0].due_s <= now_s

    def next_turn(self) -> Turn:
        """The one that has been due for longest. There must be one."""
        self._forget_replaced()
        turn = heapq.heappop(self._turns)
        del self._turn_in[turn.match_id]
        return turn

    def _forget_replaced(self) -> None:
        while self._turns and self._turn_in.get(self._turns[0].match_id) is not self._turns[0]:
            heapq.heappop(self._turns)
