"""Who a person is follows from index and seed alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scenarios.people import Sex, otp_test_code, person_id_of, phone_of, sex_of
from scenarios.popularity import popularity


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_two_people_share_no_phone_and_no_id(one: int, other: int) -> None:
    assert (phone_of(one) == phone_of(other)) == (one == other)
    assert (person_id_of(one, 1) == person_id_of(other, 1)) == (one == other)


def test_one_in_four_is_a_woman() -> None:
    assert [sex_of(index) for index in range(8)].count(Sex.FEMALE) == 2


def test_popularity_is_skewed_with_mean_one() -> None:
    values = np.sort(popularity(10_000, seed=1))[::-1]
    assert abs(values.mean() - 1) < 1e-9
    # A log-normal with sigma 1: the top tenth holds 38.9 % (Phi(sigma - z_0.9)).
    assert 0.35 < values[:1000].sum() / values.sum() < 0.43


@given(st.text(min_size=1), st.integers(0, 10**6))
def test_a_test_code_is_six_digits_and_needs_the_secret(secret: str, index: int) -> None:
    code = otp_test_code(secret, phone_of(index))
    assert len(code) == 6
    assert code.isdigit()
    assert code == otp_test_code(secret, phone_of(index))


def test_another_secret_gives_other_codes() -> None:
    phones = [phone_of(index) for index in range(50)]
    assert [otp_test_code("a", p) for p in phones] != [otp_test_code("b", p) for p in phones]
