"""What GET /discovery answers; written by hand for speed, described here for its readers."""

from pydantic import BaseModel

from reference_app.bodies import example, example_of
from reference_app.profiles.schemas import Profile


class Card(BaseModel):
    """Somebody to like or to pass on. Whoever sent a super-like comes first."""

    model_config = example(distance_km=7, super_like=False, profile=example_of(Profile))

    distance_km: int
    super_like: bool
    profile: Profile


class Deck(BaseModel):
    model_config = example(cards=[example_of(Card)])

    cards: list[Card]
