"""Couples: how many there are, and what half of one does. As loadtests/users/chatter.py lives it."""

from scenarios.traffic import Traffic


def halves_of_couples(traffic: Traffic, people: int) -> int:
    """Of so many people those who are half of a couple: as many as the traffic says, but no more than half of all."""
    return 2 * min(round(traffic.couples.value), people // 4)


def rates_of_half(traffic: Traffic) -> dict[str, float]:
    """What one half does a second, by action: both like, match, exchange their messages, and look for others.

    Somebody types a while before each message; finding somebody new takes next to nothing.
    """
    law, messages = traffic.conversations, round(traffic.couple_messages.value)
    cycle_s = (messages + law.unmatch_share.value) * law.typing_s.mean_s
    if not cycle_s:
        return {}
    return {
        "POST /swipes": 1 / cycle_s,
        "WS match detection": 1 / cycle_s,
        "WS message delivery": messages / 2 / cycle_s,
        "DELETE /matches/{id}": law.unmatch_share.value / 2 / cycle_s,
    }
