"""Who is played: nobody twice at a time, each worker its share, from the population or a file."""

from pathlib import Path

import pytest

from loadtests.users.pool import NobodyLeft, PersonPool, from_file, population
from scenarios.outcome import UsageError
from scenarios.people import Sex, otp_test_code, phone_of

SECRET = "secret"


def test_nobody_is_played_twice_at_a_time() -> None:
    pool = PersonPool(population(40, 1, SECRET))
    taken = [pool.take() for _ in range(40)]
    assert sorted(user.columns["phone"] for user in taken) == [phone_of(index) for index in range(40)]
    with pytest.raises(NobodyLeft, match="ask for fewer users"):
        pool.take()
    pool.give_back(taken[7])
    assert pool.take() == taken[7]


def test_workers_share_the_population_and_each_has_both_sexes() -> None:
    shares = [population(120, 1, SECRET, worker, 3) for worker in range(3)]
    assert [len(share) for share in shares] == [40, 40, 40]
    assert len({user.columns["phone"] for share in shares for user in share}) == 120
    assert all({user.sex for user in share} == set(Sex) for share in shares)


def test_without_a_wish_as_many_women_come_as_there_are() -> None:
    pool = PersonPool(population(4000, 1, SECRET))
    women = sum(pool.take().sex is Sex.FEMALE for _ in range(1000))
    assert abs(women - 250) < 72  # six standard deviations of a sample of a quarter of them


def test_a_wish_for_a_sex_is_kept_while_there_is_one() -> None:
    pool = PersonPool(population(8, 1, SECRET))
    assert [pool.take(Sex.FEMALE).sex for _ in range(3)] == [Sex.FEMALE, Sex.FEMALE, Sex.MALE]


def test_somebody_of_the_population_signs_in_with_a_phone_and_its_code() -> None:
    user = population(3, 1, SECRET)[2]
    assert user.columns["code"] == otp_test_code(SECRET, phone_of(2))
    assert "token" not in user.columns


def test_a_file_names_anybody_by_any_columns(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name,password,sex\nanna,a,female\nben,b,male\ncarl,c,\n")
    users = from_file(file)
    assert [user.columns["password"] for user in users] == ["a", "b", "c"]
    assert [user.sex for user in users] == [Sex.FEMALE, Sex.MALE, Sex.MALE]
    assert [user.columns["name"] for user in from_file(file, worker=1, workers=2)] == ["ben"]


def test_a_spreadsheets_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"\xef\xbb\xbfname,password\r\nanna,a\r\n")
    assert from_file(file)[0].columns == {"name": "anna", "password": "a"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "names nobody"),
        ("name,password\n", "names nobody"),
        ("name,password\nanna\n", "line 2: as many values as there are columns"),
        ("name\nanna,extra\n", "line 2: as many values as there are columns"),
        ("name,sex\nanna,f\n", "line 2: sex must be male or female; got 'f'"),
        ("n\xff", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, text: str | None, sentence: str) -> None:
    file = tmp_path / "people.csv"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"people\.csv") as refused:
        from_file(file)
    assert sentence in str(refused.value)
