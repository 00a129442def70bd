"""Swiping, and detecting matches: asynchronous, yet exactly once.

A swipe is acknowledged when it is on the majority. Whether it made a match is found out afterwards, off the
request. Two likes at once each look for the other after their own write, so at least one sees both; the
pair's unique key lets only one create the match. A crash in between is mended by the worker's sweep.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from starlette.requests import HTTPConnection

from reference_app.background import Background
from reference_app.chat.events import MatchEvent
from reference_app.chat.hub import Fanout
from reference_app.dependencies import made_by, once_an_app
from reference_app.discovery.decks import Decks
from reference_app.discovery.service import discovery_service
from reference_app.errors import Conflict, LikesUsedUp, NotFound
from reference_app.pairs import match_id
from reference_app.platform import Platform, metrics, platform_of
from reference_app.platform.mongo import Document, now
from reference_app.profiles.service import NOBODY
from reference_app.push.schemas import Notification
from reference_app.push.service import Notifier
from reference_app.swipes.allowance import Allowance
from reference_app.swipes.schemas import Kind, Swipe
from reference_app.swipes.store import SwipeStore, kind_of

UNDO_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Matchmaker:
    """Creates matches and tells both sides."""

    store: SwipeStore
    fanout: Fanout
    notifier: Notifier

    async def check(self, swiper: str, target: str, again: bool = False) -> None:
        """Make the match if `target` likes `swiper` back. `again`: somebody else may have made it, and died."""
        if not await self.store.likes(target, swiper) or not await self.store.settle(swiper, target):
            return
        if await self.store.put_match(swiper, target, now()):
            metrics.MATCHES.inc()
        elif not again or not await self.store.is_untold(match_id(swiper, target)):
            return
        await self._tell(swiper, target)

    async def sweep(self, start: datetime, end: datetime) -> None:
        """Check every like of that time again that is liked back: few are, and one query finds them."""
        for like in await self.store.liked_back(await self.store.likes_between(start, end)):
            await self.check(like["swiper"], like["target"], again=True)

    async def _tell(self, one: str, other: str) -> None:
        match = match_id(one, other)
        events = {
            one: MatchEvent(match_id=match, with_id=other),
            other: MatchEvent(match_id=match, with_id=one),
        }
        for person in events.keys() - await self.fanout.send(events):
            await self.notifier.push(person, _new_match(match))
        await self.store.note_told(match)


def matchmaker_on(platform: Platform) -> Matchmaker:
    return Matchmaker(SwipeStore.on(platform), Fanout.on(platform), Notifier.on(platform))


def _new_match(match: str) -> Notification:
    return Notification(
        key=f"match:{match}",
        collapse=match,
        title="It's a match",
        body="Somebody whom you like likes you, too.",
        data={"match_id": match},
    )


def _super_like(swiper: str, target: str) -> Notification:
    return Notification(
        key=f"super-like:{swiper}:{target}",
        collapse="super-like",
        title="Super-like",
        body="Somebody would really like to meet you.",
        data={},
    )


@dataclass(frozen=True)
class SwipeService:
    store: SwipeStore
    decks: Decks
    matchmaker: Matchmaker
    allowance: Allowance
    background: Background

    async def swipe(self, swiper: str, target: str, kind: Kind) -> Swipe:
        """Returns the swipe that stands: the first one wins."""
        if swiper == target:
            raise Conflict("Nobody can swipe on themselves.")
        if not await self.decks.profiles.can_be_met(target, by=swiper):
            await self.decks.take(swiper, target)
            raise NotFound(NOBODY)
        stands, is_new = await self._put(swiper, target, kind)
        # Not before it is stored: a like that is refused loses no card.
        await self.decks.take(swiper, target)
        if stands["like"]:
            self.background.start(self.matchmaker.check(swiper, target))
        if is_new and kind is Kind.SUPER_LIKE:
            await self.decks.forget(target)
            self.background.start(self.matchmaker.notifier.push(target, _super_like(swiper, target)))
        return Swipe(target_id=target, kind=kind_of(stands), at=stands["at"])

    async def _put(self, swiper: str, target: str, kind: Kind) -> tuple[Document, bool]:
        """The swipe that stands, and whether it is new. Raises LikesUsedUp, but not for one that stands already."""
        try:
            await self.allowance.take(swiper, kind, now())
        except LikesUsedUp:
            if stands := await self.store.standing(swiper, target):
                return stands, False
            raise
        at = now()
        try:
            stands, is_new = await self.store.put(swiper, target, kind, at)
        except Exception:
            await self.allowance.count_anew(swiper, kind)
            raise
        if not is_new:
            await self.allowance.give_back(swiper, kind, at)
        return stands, is_new

    async def undo(self, swiper: str, target: str) -> None:
        stands = await self.store.get(swiper, target)
        if stands is None:
            raise NotFound("You have not swiped on this person.")
        if now() - stands["at"] > UNDO_WITHIN:
            raise Conflict("A swipe can be taken back for five minutes only.")
        if not await self.store.take_back(stands):
            raise Conflict("It is a match already: unmatch instead.")
        # What it has used is not given back: liking, looking whether it is a match and undoing would cost nothing.
        await self.decks.forget(swiper)
        if stands.get("super"):
            await self.decks.forget(target)


@once_an_app
def swipe_service(connection: HTTPConnection) -> SwipeService:
    platform = platform_of(connection)
    settings, store = platform.settings, SwipeStore.on(platform)
    per_day = {Kind.LIKE: settings.likes_per_day, Kind.SUPER_LIKE: settings.super_likes_per_day}
    allowance = Allowance(platform.redis, store, per_day)
    return SwipeService(
        store,
        discovery_service(connection).decks,
        matchmaker_on(platform),
        allowance,
        connection.app.state.background,
    )


Swipes = Annotated[SwipeService, made_by(swipe_service)]
