"""The ids of messages: what both sides of the wire, and the population, agree on."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    """What a message's id says. `turns_left`: how often the two answer each other after this message."""

    process: str
    stream: int  # one direction between two people
    number: int  # in its stream, from 1
    sent_us: int  # microseconds of the generator's common clock
    turns_left: int

    def __str__(self) -> str:
        return f"md-{self.process}-{self.stream}-{self.number}-{self.sent_us}-{self.turns_left}"

    @classmethod
    def parse(cls, message_id: str) -> "Header | None":
        """None for a message that no generator of ours wrote."""
        found = _HEADER.fullmatch(message_id)
        if not found:
            return None
        process, *numbers = found.groups()
        return cls(process, *map(int, numbers))


_HEADER = re.compile(r"md-([0-9a-z]{1,16})-(\d{1,12})-(\d{1,12})-(\d{1,20})-(\d{1,6})")
