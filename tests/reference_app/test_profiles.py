"""One's own profile, and what others see of it."""

import asyncio

import pytest

from tests.reference_app.conftest import Somebody


async def test_a_change_keeps_the_other_fields(anna: Somebody) -> None:
    before = (await anna.http.get("/me")).json()
    after = (await anna.http.patch("/me", json={"bio": "New."})).json()
    assert after == before | {"bio": "New."}
    assert (await anna.http.get("/me")).json() == after


async def test_a_changed_preference_keeps_the_others(anna: Somebody) -> None:
    wanted = {"sexes": ["female"], "age_min": 30, "age_max": 40, "distance_km": 25}
    assert (await anna.http.patch("/me", json={"preferences": wanted})).json()["preferences"] == wanted
    after = (await anna.http.patch("/me", json={"preferences": {"distance_km": 20}})).json()
    assert after["preferences"] == wanted | {"distance_km": 20}
    # Allowed by itself, but not with the youngest that she has named before.
    refused = await anna.http.patch("/me", json={"preferences": {"age_max": 29}})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")
    assert (await anna.http.get("/me")).json() == after


async def test_preferences_that_are_changed_at_once_go_together(anna: Somebody) -> None:
    """Each goes with what was there, but not with the other."""
    for _ in range(10):
        await anna.http.patch("/me", json={"preferences": {"age_min": 18, "age_max": 99}})
        changes = ({"age_min": 60}, {"age_max": 30}, {"distance_km": 20})
        answers = await asyncio.gather(*(anna.http.patch("/me", json={"preferences": change}) for change in changes))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 422]
        stands = (await anna.http.get("/me")).json()["preferences"]
        assert (stands["age_min"], stands["age_max"]) in ((60, 99), (18, 30))
        assert stands["distance_km"] == 20


async def test_others_see_an_age_and_a_distance_but_no_birth_date_and_no_place(anna: Somebody, ben: Somebody) -> None:
    seen = (await anna.http.get(f"/profiles/{ben.id}")).json()
    assert set(seen) == {"id", "name", "age", "sex", "bio", "photos", "distance_km"}
    assert seen["age"] >= 18
    assert isinstance(seen["distance_km"], int)


async def test_moving_changes_the_distance(anna: Somebody, ben: Somebody) -> None:
    berlin, hamburg = {"latitude": 52.52, "longitude": 13.405}, {"latitude": 53.551, "longitude": 9.994}
    await anna.http.put("/me/location", json=berlin)
    await ben.http.put("/me/location", json=hamburg)
    far = (await anna.http.get(f"/profiles/{ben.id}")).json()["distance_km"]
    assert abs(far - 255.5) < 2  # as the crow flies; both are known to about a kilometre
    await ben.http.put("/me/location", json=berlin)
    assert (await anna.http.get(f"/profiles/{ben.id}")).json()["distance_km"] == 1


async def test_an_unknown_person_is_not_found(anna: Somebody) -> None:
    assert (await anna.http.get("/profiles/nobody")).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"is_admin": True},
        {"photos": []},
        {"name": ""},
        {"birth_date": "2020-01-01"},
        {"preferences": {"sexes": [], "age_min": 18, "age_max": 30, "distance_km": 10}},
        {"preferences": {"age_min": 40, "age_max": 30}},
    ],
)
async def test_what_may_not_be_changed_is_refused(anna: Somebody, change: dict[str, object]) -> None:
    assert (await anna.http.patch("/me", json=change)).status_code == 422


@pytest.mark.parametrize("place", [{"latitude": 91, "longitude": 0}, {"latitude": 0}, {}])
async def test_a_place_that_is_not_on_earth_is_refused(anna: Somebody, place: dict[str, float]) -> None:
    assert (await anna.http.put("/me/location", json=place)).status_code == 422
