"""Blocking, reporting, and what moderators decide."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from reference_app.accounts.service import AccountService, account_service
from reference_app.auth.service import Auth, CurrentPerson
from reference_app.chat.events import UnmatchEvent
from reference_app.chat.service import ChatService, chat_service
from reference_app.dependencies import made_by, once_an_app
from reference_app.discovery.decks import Decks
from reference_app.discovery.service import discovery_service
from reference_app.errors import Conflict, Forbidden, NotFound
from reference_app.pairs import match_id
from reference_app.photos.schemas import State
from reference_app.photos.service import PhotoService, photo_service
from reference_app.platform import platform_of
from reference_app.platform.mongo import Document
from reference_app.profiles.service import NOBODY, photo_of
from reference_app.safety.schemas import ModerationQueue, PhotoInReview, Reason, Report
from reference_app.safety.store import BLOCKED_MAX, REPORTS_OPEN_MAX, SafetyStore

CONVERSATION_SHOWN = 50


@dataclass(frozen=True)
class SafetyService:
    store: SafetyStore
    decks: Decks
    chat: ChatService

    async def blocked_by(self, person: str) -> list[str]:
        profile = await self.decks.profiles.get(person)
        return list(profile.get("blocked", ())) if profile else []

    async def block(self, person: str, other: str) -> None:
        """Neither sees the other any more. It ends their match, and none will ever come of the two."""
        if person == other:
            raise Conflict("Nobody can block themselves.")
        if await self.decks.profiles.get(other) is None:
            raise NotFound(NOBODY)
        if not await self.store.block(person, other):
            raise Conflict(f"Nobody can block more than {BLOCKED_MAX:,} people.")
        pair = match_id(person, other)
        if await self.chat.store.end_for_good(pair, [person, other]):
            await self.chat.fanout.send({other: UnmatchEvent(match_id=pair)})
        await self.decks.take(person, other)
        await self.decks.take(other, person)

    async def unblock(self, person: str, other: str) -> None:
        """They may see each other again; their match does not come back."""
        await self.store.unblock(person, other)

    async def report(self, person: str, other: str, reason: Reason, note: str) -> str:
        if person == other:
            raise Conflict("Nobody can report themselves.")
        if await self.decks.profiles.get(other) is None:
            raise NotFound(NOBODY)
        report_id = await self.store.put_report(person, other, reason, note)
        if report_id is None:
            raise Conflict(f"{REPORTS_OPEN_MAX} reports of yours wait for a moderator already.")
        return report_id


@dataclass(frozen=True)
class ModerationService:
    store: SafetyStore
    photos: PhotoService
    chat: ChatService
    accounts: AccountService

    async def queue(self, limit: int) -> ModerationQueue:
        reports = await self.store.open_reports(limit)
        people = await self.chat.profiles.store.get_many({report["reported"] for report in reports})
        profiles = {profile["_id"]: profile for profile in people}
        return ModerationQueue(
            photos=[self._photo(photo) for photo in await self.photos.store.in_state(State.IN_REVIEW, limit)],
            reports=[await self._report(r, profiles[r["reported"]]) for r in reports if r["reported"] in profiles],
        )

    async def decide_photo(self, photo_id: str, approve: bool) -> None:
        decide = self.photos.approve if approve else self.photos.reject
        if not await decide(photo_id):
            raise NotFound("No such photo waits for this decision.")

    async def decide_report(self, report_id: str, moderator: str, suspend: bool, note: str) -> None:
        report = await self.store.open_report(report_id)
        if report is None:
            raise NotFound("No such report waits for a decision.")
        if suspend:  # first: a report that is closed is not looked at again
            await self.accounts.suspend(report["reported"])
        await self.store.close(report, moderator, "suspended" if suspend else "dismissed", note)

    async def reinstate(self, person: str) -> None:
        if not await self.accounts.reinstate(person):
            raise NotFound("No such person is suspended.")

    def _photo(self, photo: Document) -> PhotoInReview:
        shown = photo_of(self.chat.profiles.media_base_url, photo["_id"])
        return PhotoInReview(owner_id=photo["owner"], photo=shown, waiting_since=photo["at"])

    async def _report(self, report: Document, profile: Document) -> Report:
        reporter = report.get("reporter")
        conversation = []
        if reporter:
            conversation = await self.chat.latest(match_id(reporter, report["reported"]), CONVERSATION_SHOWN)
        return Report(
            id=str(report["_id"]),
            reporter_id=reporter,
            reported=self.chat.profiles.seen(profile),
            reason=report["reason"],
            note=report["note"],
            waiting_since=report["at"],
            conversation=conversation,
        )


@once_an_app
def safety_service(connection: HTTPConnection) -> SafetyService:
    db = platform_of(connection).db
    return SafetyService(SafetyStore(db), discovery_service(connection).decks, chat_service(connection))


@once_an_app
def moderation_service(connection: HTTPConnection) -> ModerationService:
    return ModerationService(
        SafetyStore(platform_of(connection).db),
        photo_service(connection),
        chat_service(connection),
        account_service(connection),
    )


async def current_moderator(person: CurrentPerson, auth: Auth) -> str:
    if not await auth.is_moderator(person):
        raise Forbidden("Only moderators may do this.")
    return person


Safety = Annotated[SafetyService, made_by(safety_service)]
Moderation = Annotated[ModerationService, made_by(moderation_service)]
CurrentModerator = Annotated[str, Depends(current_moderator)]
