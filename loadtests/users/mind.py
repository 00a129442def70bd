"""What somebody decides: whom they like, whom they write to and when, what they do next. Knows no network, no clock.

Everything is drawn from the scenario's traffic model.
"""

import random
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from math import log, log1p, sqrt

import numpy as np

from loadtests.users.store import Store
from scenarios.conversations import ConversationLengths, first_message_after_s
from scenarios.people import Sex
from scenarios.popularity import shares_by_popularity
from scenarios.traffic import Dwell, Traffic


class Deed(StrEnum):
    """What people do. Each is a method of `Life`, and a Locust task with a tag of that name."""

    SWIPE = "swipe"
    WRITE = "write"
    LIST_MATCHES = "list_matches"
    MOVE = "move"
    EDIT_BIO = "edit_bio"
    UPLOAD_PHOTO = "upload_photo"
    REST = "rest"  # what is left when tags have taken the others away


class Mind:
    """How the people of one process decide. One for all of them: what differs between people is asked with."""

    def __init__(self, traffic: Traffic, popularity_of: Mapping[str, float], rng: random.Random) -> None:
        """`popularity_of`: how much more than average somebody is liked, by id; strangers are average."""
        self.rng, self._popularity_of = rng, popularity_of
        self.behave(traffic)

    def behave(self, traffic: Traffic) -> None:
        """From now on people behave so."""
        self.traffic = traffic
        popular = np.fromiter(self._popularity_of.values(), float)
        shares = {sex: shares_by_popularity(traffic.like_share.of(sex), popular).tolist() for sex in Sex}
        self._like_share_of = {sex: dict(zip(self._popularity_of, found, strict=True)) for sex, found in shares.items()}
        self.lengths = ConversationLengths(traffic.conversations)
        self._elsewhere = list(traffic.elsewhere)
        self._weights = [share.value for share in traffic.elsewhere.values()]

    def next_deed(self, store: Store, now_s: float) -> Deed:
        """Who is written to is answered first; then mostly the next card."""
        if store.due(now_s):
            return Deed.WRITE
        if self.rng.random() < self.traffic.elsewhere_share.value:
            return Deed(self.rng.choices(self._elsewhere, self._weights)[0])
        return Deed.SWIPE

    def signs_in(self) -> bool:
        """Whether a session begins with a code; else the phone has kept the token."""
        return self.rng.random() < self.traffic.sign_in_share.value

    def likes(self, sex: Sex, other_id: str) -> bool:
        """Whether somebody of `sex` likes that person: the popular are liked more."""
        share: float = self._like_share_of[sex].get(other_id, self.traffic.like_share.of(sex))
        return self.rng.random() < share

    def first_message_after_s(self, match_id: str, own: tuple[str, Sex], other: tuple[str, Sex]) -> float | None:
        """How long after the match this person writes first; None when the other does, or nobody."""
        return first_message_after_s(self.traffic.conversations, match_id, own, other)

    def conversation_length(self) -> int:
        """Messages of a new conversation, both sides'."""
        return self.lengths.drawn(self.rng.random())

    def duration_s(self, dwell: Dwell) -> float:
        """A draw from the log-normal law with this mean and standard deviation."""
        return self.rng.lognormvariate(*_log_normal(dwell.mean_s, dwell.sd_s))

    def under_way(self, dwell: Dwell) -> tuple[float, float]:
        """(whole, elapsed) of something that is found under way: long ones are found more often (inspection paradox).

        Length-biased, a log-normal law is the same law with its logarithm's mean raised by the variance.
        """
        mu, sigma = _log_normal(dwell.mean_s, dwell.sd_s)
        whole = self.rng.lognormvariate(mu + sigma**2, sigma)
        return whole, whole * self.rng.random()


@lru_cache(maxsize=64)
def _log_normal(mean: float, sd: float) -> tuple[float, float]:
    """(mu, sigma) of the logarithm."""
    variance = log1p((sd / mean) ** 2)
    return log(mean) - variance / 2, sqrt(variance)
