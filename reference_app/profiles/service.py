"""Turning documents into what owners and others see, and changing them."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import ValidationError
from starlette.requests import HTTPConnection

from reference_app.dependencies import made_by, once_an_app
from reference_app.errors import Invalid, NotFound
from reference_app.platform import Redis, platform_of
from reference_app.platform.mongo import Document
from reference_app.profiles.distance import rounded_distance_km
from reference_app.profiles.schemas import (
    Location,
    Me,
    MeUpdate,
    Photo,
    Preferences,
    Profile,
    ProfileAtDistance,
    age_on,
)
from reference_app.profiles.store import ProfileStore, may_see, point, stored_date

NOBODY = "There is no such person."
CARD_UNSURE_S = 5  # longer than a card takes from being read to being kept


def card_key(person_id: str) -> str:
    """Redis: the profile that others see, as JSON, ready to be put into a deck. Empty when it has just changed."""
    return f"card:{person_id}"


async def forget_card(redis: Redis, person_id: str) -> None:
    """Others must not see the old one. Nor does who has read the profile just before this put it back."""
    await redis.set(card_key(person_id), b"", ex=CARD_UNSURE_S)


def deck_key(person_id: str) -> str:
    """Redis: whom a person is shown next; a sorted set of ids by distance."""
    return f"deck:{{{person_id}}}"


def next_deck_key(person_id: str) -> str:
    """Redis: a deck that is being checked, which nobody reads yet. In a cluster in the slot of the deck itself."""
    return f"{deck_key(person_id)}:next"


def deck_keys(person_id: str) -> tuple[str, str]:
    """Whoever takes somebody out of a deck does so in the one that is to come, too; and there first."""
    return next_deck_key(person_id), deck_key(person_id)


def nobody_key(person_id: str) -> str:
    """Redis: there when nobody was found for a deck a moment ago."""
    return f"{deck_key(person_id)}:nobody"


async def forget_deck(redis: Redis, person_id: str) -> None:
    await redis.delete(*deck_keys(person_id), nobody_key(person_id))


@dataclass(frozen=True)
class ProfileService:
    store: ProfileStore
    redis: Redis
    media_base_url: str

    async def me(self, person_id: str) -> Me:
        document = await self._document(person_id)
        place = document.get("location")
        born = document["birth_date"]
        return Me(
            id=person_id,
            name=document["name"],
            sex=document["sex"],
            birth_date=born.date() if born else None,
            bio=document["bio"],
            preferences=Preferences.model_validate(document["preferences"]),
            location=Location(latitude=place["coordinates"][1], longitude=place["coordinates"][0]) if place else None,
            photos=self._photos(document),
        )

    async def update(self, person_id: str, update: MeUpdate) -> Me:
        changes = {name: value for name in update.model_fields_set if (value := getattr(update, name)) is not None}
        if update.birth_date:
            changes["birth_date"] = stored_date(update.birth_date)
        if wanted := changes.pop("preferences", None):
            while not await self._prefers(person_id, wanted, changes):
                pass  # another request has changed them meanwhile
        else:
            await self.store.update(person_id, changes)
        await forget_card(self.redis, person_id)
        await forget_deck(self.redis, person_id)  # it is of the old preferences
        return await self.me(person_id)

    async def _prefers(self, person_id: str, update: Preferences, changes: Document) -> bool:
        """Store the preferences that are named, with other changes; the others stay.

        Raises Invalid when they do not go together. False, with nothing stored, when those others have just changed.
        """
        others = (await self._document(person_id))["preferences"]
        named = update.model_dump(mode="json", exclude_unset=True)
        try:
            Preferences.model_validate(others | named)
        except ValidationError as error:
            raise Invalid(f"preferences: {error.errors()[0]['msg']}") from error
        changes = changes | {f"preferences.{name}": value for name, value in named.items()}
        return await self.store.update(person_id, changes, where={"preferences": others})

    async def move(self, person_id: str, location: Location) -> None:
        await self.store.update(person_id, {"location": point(location)})
        await forget_deck(self.redis, person_id)

    async def profile(self, person_id: str, viewer_id: str) -> ProfileAtDistance:
        """Somebody as `viewer_id` sees them."""
        found = {document["_id"]: document for document in await self.store.get_many({person_id, viewer_id})}
        document, viewer = found.get(person_id), found.get(viewer_id)
        if document is None or viewer is None or not may_see(viewer, document):
            raise NotFound(NOBODY)
        return ProfileAtDistance(**dict(self.seen(document)), distance_km=rounded_distance_km(document, viewer))

    def seen(self, document: Document) -> Profile:
        """What everybody may see of a profile, wherever they are."""
        born = document["birth_date"]
        return Profile(
            id=document["_id"],
            name=document["name"],
            age=age_on(date.today(), born.date()) if born else None,
            sex=document["sex"],
            bio=document["bio"],
            photos=self._photos(document),
        )

    def _photos(self, document: Document) -> list[Photo]:
        return [photo_of(self.media_base_url, photo) for photo in document["photos"]]

    async def _document(self, person_id: str) -> Document:
        document = await self.store.get(person_id)
        if document is None:
            raise NotFound(NOBODY)
        return document


def photo_of(media_base_url: str, photo_id: str) -> Photo:
    folder = f"{media_base_url}/{photo_id}"
    return Photo(id=photo_id, card_url=f"{folder}/card", thumb_url=f"{folder}/thumb")


@once_an_app
def profile_service(connection: HTTPConnection) -> ProfileService:
    platform = platform_of(connection)
    return ProfileService(ProfileStore(platform.db), platform.redis, platform.settings.media_base_url)


Profiles = Annotated[ProfileService, made_by(profile_service)]
