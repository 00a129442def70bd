"""Two people: the key under which what is between them is stored."""

SEPARATOR = ":"


def match_id(one: str, other: str) -> str:
    """The unique key of a pair, the same from both sides."""
    return SEPARATOR.join(sorted((one, other)))
