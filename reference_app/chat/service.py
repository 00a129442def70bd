"""Matches, messages, receipts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from starlette.requests import HTTPConnection

from reference_app.background import Background
from reference_app.chat.events import MessageEvent, ReadEvent, Receipt, TypingEvent, UnmatchEvent
from reference_app.chat.hub import Fanout
from reference_app.chat.presence import Presence
from reference_app.chat.schemas import LastMessage, Match, Matches, Message
from reference_app.chat.store import ChatStore, Position
from reference_app.dependencies import made_by, once_an_app
from reference_app.errors import Invalid, NotFound
from reference_app.platform import metrics, platform_of
from reference_app.platform.mongo import Document
from reference_app.profiles.service import ProfileService, profile_service
from reference_app.push.schemas import Notification
from reference_app.push.service import Notifier

NO_MATCH = "There is no such match."


UNDELIVERED_LOOKED_FOR = 20  # conversations with the latest news


@dataclass(frozen=True)
class ChatService:
    store: ChatStore
    profiles: ProfileService
    presence: Presence
    fanout: Fanout
    notifier: Notifier
    background: Background

    async def matches(self, person: str, limit: int, after: str) -> Matches:
        """A page of matches; somebody who has hidden themselves leaves a gap in it."""
        documents = await self.store.matches_of(person, limit, _position(after))
        others = [_other(match, person) for match in documents]
        profiles = {p["_id"]: p for p in await self.profiles.store.get_many(others)}
        online = await self.presence.online(others)
        page = [
            Match(
                id=match["_id"],
                with_profile=self.profiles.seen(profiles[other]),
                online=here,
                matched_at=match["at"],
                last_message=_last_message(match),
                last_seq=match["seq"],
                read_seq=match.get("read", {}).get(person, 0),
                delivered_to_other_seq=match.get("delivered", {}).get(other, 0),
                read_by_other_seq=match.get("read", {}).get(other, 0),
            )
            for match, other, here in zip(documents, others, online, strict=True)
            if other in profiles and not profiles[other].get("hidden")
        ]
        last = documents[-1] if len(documents) == limit else None
        return Matches(matches=page, next=_next(last) if last else None)

    async def unmatch(self, match_id: str, person: str) -> None:
        match = await self.store.end(match_id, person)
        if match is None:
            raise NotFound(NO_MATCH)
        await self.fanout.send({_other(match, person): UnmatchEvent(match_id=match_id)})

    async def send(self, match_id: str, sender: str, client_id: str, text: str) -> Message:
        """Store a message on the majority, then pass it on. A retry stores nothing new, but is passed on again."""
        stored = await self.store.put_message(match_id, sender, client_id, text)
        if stored is None:
            raise NotFound(NO_MATCH)
        metrics.MESSAGES.inc()
        message = _shown(stored["message"])
        receiver = _other(stored, sender)
        if not await self.fanout.send({receiver: MessageEvent(message=message)}):
            self.background.start(self.notifier.push(receiver, _new_message(match_id, message.seq)))
        return message

    async def push_undelivered(self, person: str) -> None:
        """After a socket that was dead before anybody knew: what was sent there has reached nobody."""
        if any(await self.presence.online([person])):  # back already, or on another phone
            return
        news = []
        for match in await self.store.matches_of(person, UNDELIVERED_LOOKED_FOR):
            last, delivered = match.get("last"), match.get("delivered", {}).get(person, 0)
            if last and last["sender"] != person and delivered < match["seq"]:
                news.append(_new_message(match["_id"], match["seq"]))
        await self.notifier.push_once(person, news)

    async def messages(self, match_id: str, person: str, after: int, limit: int) -> list[Message]:
        if await self.store.match_of(match_id, person) is None:
            raise NotFound(NO_MATCH)
        return [_shown(document) for document in await self.store.messages_after(match_id, after, limit)]

    async def latest(self, match_id: str, limit: int) -> list[Message]:
        """The latest messages of a match, standing or not: for moderators."""
        return [_shown(document) for document in await self.store.latest(match_id, limit)]

    async def delivered(self, match_id: str, person: str, seq: int) -> None:
        match = await self.store.delivered(match_id, person, seq)
        if match is None:
            raise NotFound(NO_MATCH)
        await self.fanout.send({_other(match, person): Receipt(match_id=match_id, seq=seq)})

    async def read(self, match_id: str, person: str, seq: int) -> None:
        match = await self.store.read(match_id, person, seq)
        if match is None:
            raise NotFound(NO_MATCH)
        await self.fanout.send({_other(match, person): ReadEvent(match_id=match_id, seq=seq)})

    async def typing(self, match_id: str, person: str) -> None:
        match = await self.store.match_of(match_id, person)
        if match is None:
            raise NotFound(NO_MATCH)
        await self.fanout.send({_other(match, person): TypingEvent(match_id=match_id)})


def _next(last: Document) -> str:
    """With Z for UTC: a plus would have to be escaped in a URL."""
    return f"{last['active_at'].isoformat().replace('+00:00', 'Z')}/{last['_id']}"


def _position(after: str) -> Position | None:
    """What the `next` of a page says. Raises Invalid."""
    if not after:
        return None
    at, _, last_id = after.partition("/")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), last_id
    except (ValueError, OverflowError) as error:
        raise Invalid("after: it must be the `next` of another page") from error


def _other(match: Document, person: str) -> str:
    one, other = match["people"]
    return str(other if one == person else one)


def _new_message(match_id: str, seq: int) -> Notification:
    return Notification(
        key=f"message:{match_id}:{seq}",
        collapse=match_id,
        title="New message",
        body="Somebody has written to you.",
        data={"match_id": match_id},
    )


def _last_message(match: Document) -> LastMessage | None:
    last = match.get("last")
    return LastMessage(sender_id=last["sender"], text=last["text"], sent_at=last["at"]) if last else None


def _shown(document: Document) -> Message:
    return Message(
        id=document["client_id"],
        match_id=document["match_id"],
        seq=document["seq"],
        sender_id=document["sender"],
        text=document["text"],
        sent_at=document["at"],
    )


@once_an_app
def chat_service(connection: HTTPConnection) -> ChatService:
    platform = platform_of(connection)
    return ChatService(
        ChatStore(platform.db, platform.commits),
        profile_service(connection),
        Presence.on(platform),
        Fanout.on(platform),
        Notifier.on(platform),
        connection.app.state.background,
    )


Chat = Annotated[ChatService, made_by(chat_service)]
