"""What GET /discovery answers; written by hand for speed, described here for its readers."""

from pydantic import BaseModel

from reference_app.profiles.schemas import Profile


class Card(BaseModel):
    distance_km: int
    profile: Profile


class Deck(BaseModel):
    cards: list[Card]
