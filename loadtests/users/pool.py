"""Who can be played: the people of a scenario's population, or the test users of a file."""

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenarios.outcome import UsageError
from scenarios.people import Sex, kept_token, otp_test_code, person_id_of, phone_of, sex_of


class NobodyLeft(Exception):
    """More people are asked for than there are."""


@dataclass(frozen=True)
class TestUser:
    """Somebody to play. `columns` is what signing in needs: phone and code, or whatever a file has.

    `kept`: the token that the phone has kept from another day, and the person's id.
    """

    __test__ = False  # no test, though pytest likes the name

    sex: Sex
    columns: Mapping[str, str]
    kept: Mapping[str, str] | None = None


def population(users: int, seed: int, otp_test_secret: str, worker: int = 0, workers: int = 1) -> list[TestUser]:
    """A worker's share of a scenario's population."""
    return [_somebody(index, seed, otp_test_secret) for index in range(users) if worker_of(index, workers) == worker]


def _somebody(index: int, seed: int, otp_test_secret: str) -> TestUser:
    phone = phone_of(index)
    kept = {"token": kept_token(otp_test_secret, phone), "person_id": person_id_of(index, seed)}
    return TestUser(sex_of(index), _Codes(phone, otp_test_secret), kept)


def from_file(path: Path, worker: int = 0, workers: int = 1) -> list[TestUser]:
    """A worker's share of a CSV file of test users, a row each: any columns, `sex` (male or female) among them or not.

    Raises UsageError with the line that is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a mark in front
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"The people in {path} cannot be read: {reason}.") from error
    if not rows:
        raise UsageError(f"{path} names nobody: it needs a line of column names and a line a person.")
    found = []
    for number, row in enumerate(rows):
        if None in row or None in row.values():
            raise UsageError(f"{path}, line {number + 2}: as many values as there are columns are wanted.")
        try:
            sex = Sex(row["sex"]) if row.get("sex") else sex_of(number)
        except ValueError:
            raise UsageError(f"{path}, line {number + 2}: sex must be male or female; got {row['sex']!r}.") from None
        if number % workers == worker:
            found.append(TestUser(sex, row))
    return found


def worker_of(index: int, workers: int) -> int:
    """Which worker plays a person of the population. Blocks of four hold three men and a woman: all get both."""
    return index // 4 % workers


class PersonPool:
    """Those who are not signed in."""

    def __init__(self, users: Sequence[TestUser]) -> None:
        # In another order each time: a backend that stays up meets other people in the next run.
        self._free = random.sample(users, len(users))

    def take(self, sex: Sex | None = None) -> TestUser:
        """Whoever is next (of that sex, if there is one). Raises NobodyLeft.

        Without a wish each is as probable as the next: as many women come as there are among the people.
        """
        if not self._free:
            raise NobodyLeft("Everybody there is to play is signed in already: ask for fewer users.")
        wanted = (place for place, user in enumerate(self._free) if sex in (None, user.sex))
        return self._free.pop(next(wanted, 0))

    def give_back(self, user: TestUser) -> None:
        """Last in the queue: others come before the same person returns."""
        self._free.append(user)


class _Codes(dict[str, str]):
    """`phone` and `code` of somebody of the population; the code is computed when it is asked for."""

    def __init__(self, phone: str, secret: str) -> None:
        super().__init__(phone=phone)
        self._secret = secret

    def __missing__(self, key: str) -> str:
        if key != "code":
            raise KeyError(key)
        return otp_test_code(self._secret, self["phone"])
