"""Swiping, and detecting matches: asynchronous, yet exactly once.

A swipe is acknowledged when it is on the majority. Whether it made a match is found out afterwards, off the
request. Two likes at once each look for the other after their own write, so at least one sees both; the
pair's unique key lets only one create the match. A crash in between is mended by the worker's sweep.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from reference_app.chat.events import MatchEvent
from reference_app.chat.hub import Fanout
from reference_app.discovery.service import DiscoveryService, discovery_service
from reference_app.errors import Conflict, NotFound
from reference_app.platform import metrics, platform_of
from reference_app.swipes.schemas import Swipe
from reference_app.swipes.store import SwipeStore, match_id

log = logging.getLogger(__name__)


class Background:
    """Work that a request leaves behind. Drained before the process ends."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("Looking for a match failed; the worker's sweep does it again", exc_info=error)

    async def drain(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(frozen=True)
class Matchmaker:
    """Creates matches and tells both sides."""

    store: SwipeStore
    fanout: Fanout

    async def check(self, swiper: str, target: str) -> None:
        """Make the match if `target` likes `swiper` back."""
        if await self.store.likes(target, swiper) and await self.store.put_match(swiper, target):
            metrics.MATCHES.inc()
            match = match_id(swiper, target)
            await self.fanout.send(
                {
                    swiper: MatchEvent(match_id=match, with_id=target),
                    target: MatchEvent(match_id=match, with_id=swiper),
                }
            )

    async def sweep(self, start: datetime, end: datetime) -> None:
        """Check every like of that time again."""
        for like in await self.store.likes_between(start, end):
            await self.check(like["swiper"], like["target"])


@dataclass(frozen=True)
class SwipeService:
    store: SwipeStore
    discovery: DiscoveryService
    matchmaker: Matchmaker
    background: Background

    async def swipe(self, swiper: str, target: str, like: bool) -> Swipe:
        """Returns the swipe that stands: the first one wins."""
        if swiper == target:
            raise Conflict("Nobody can swipe on themselves.")
        in_deck = await self.discovery.take(swiper, target)
        if not in_deck and not await self.discovery.profiles.store.exists(target):
            raise NotFound("There is no such person.")
        stands = await self.store.put(swiper, target, like)
        if stands["like"]:
            self.background.start(self.matchmaker.check(swiper, target))
        return Swipe(target_id=target, like=stands["like"], at=stands["at"])


def swipe_service(connection: HTTPConnection) -> SwipeService:
    platform = platform_of(connection)
    store = SwipeStore(platform.db)
    matchmaker = Matchmaker(store, Fanout(platform.redis))
    return SwipeService(store, discovery_service(connection), matchmaker, connection.app.state.background)


Swipes = Annotated[SwipeService, Depends(swipe_service)]
