"""A profile as its owner sees it, as others see it, and as it may be changed."""

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from reference_app.bodies import ANNA, BEN, PHOTO, Body, example, example_of
from scenarios.people import Sex

Age = Annotated[int, Field(ge=18, le=99)]


class Photo(BaseModel):
    """Two sizes, without an extension: the CDN answers with AVIF where `Accept` allows it, else with WebP."""

    model_config = example(id=PHOTO, card_url=f"/media/{PHOTO}/card", thumb_url=f"/media/{PHOTO}/thumb")

    id: str
    card_url: str
    thumb_url: str


class Preferences(Body):
    """Whom a person wants to meet. Two people meet when each is within the other's."""

    model_config = example(sexes=["male"], age_min=25, age_max=35, distance_km=50)

    sexes: Annotated[list[Sex], Field(min_length=1, max_length=2)] = Field(default_factory=lambda: list(Sex))
    age_min: Age = 18
    age_max: Age = 99
    distance_km: Annotated[int, Field(ge=1, le=160)] = 50

    @model_validator(mode="after")
    def _ages_in_order(self) -> Self:
        if self.age_min > self.age_max:
            raise ValueError("age_min must not be above age_max")
        return self


class Location(Body):
    """Where a phone is. What is kept of it, and what GET /me shows, is right to about a kilometre."""

    model_config = example(latitude=52.52, longitude=13.405)

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Me(BaseModel):
    """What only the owner sees. `photos` are those that others see, in the order in which they do."""

    model_config = example(
        id=ANNA,
        name="Anna",
        sex="female",
        birth_date="1998-04-12",
        bio="Coffee first.",
        preferences=example_of(Preferences),
        location=example_of(Location),
        photos=[example_of(Photo)],
    )

    id: str
    name: str
    sex: Sex | None
    birth_date: date | None
    bio: str
    preferences: Preferences
    location: Location | None
    photos: list[Photo]


class MeUpdate(Body):
    """The fields to change; the others stay, those of `preferences` too."""

    model_config = example(bio="Off to the lake.", preferences=example_of(Preferences))

    name: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    sex: Sex | None = None
    birth_date: date | None = None
    bio: Annotated[str, Field(max_length=500)] | None = None
    preferences: Preferences | None = None

    @model_validator(mode="after")
    def _grown_up(self) -> Self:
        if self.birth_date and age_on(date.today(), self.birth_date) < 18:
            raise ValueError("birth_date: people must be 18 or older")
        return self

    @model_validator(mode="after")
    def _visible(self) -> Self:
        if self.name is not None and not any(character.isalnum() for character in self.name):
            raise ValueError("name: it needs a letter or a digit")
        return self


class Profile(BaseModel):
    """What others see: an age but no birth date, a distance but no coordinates."""

    model_config = example(
        id=BEN, name="Ben", age=31, sex="male", bio="Ask me about bread.", photos=[example_of(Photo)]
    )

    id: str
    name: str
    age: int | None
    sex: Sex | None
    bio: str
    photos: list[Photo]


class ProfileAtDistance(Profile):
    model_config = example(**example_of(Profile), distance_km=7)

    distance_km: int | None


def age_on(day: date, birth_date: date) -> int:
    """Full years on `day`."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
