"""The floor of the hot endpoints: the same framework, server and drivers, doing only what each asks of the databases.

No check of who asks, no limit, no cache that is kept in step, no group commit, no match, no id in a log. What the
backend needs beyond this is what its own code costs. `python -m tests.bench.floor --port N`.
"""

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, Header, Request, Response, WebSocket, WebSocketDisconnect
from pymongo import WriteConcern

from reference_app.app import open_platform
from reference_app.chat.hub import channel_of
from reference_app.chat.presence import presence_key
from reference_app.chat.schemas import Message, MessageRequest
from reference_app.platform import Platform
from reference_app.profiles.schemas import ProfileAtDistance
from reference_app.profiles.service import card_key, deck_key
from reference_app.settings import Settings
from reference_app.swipes.schemas import Kind, Swipe, SwipeRequest

FLOOR = "floor:"  # before the ids of what it writes: the backend's own stay as they are


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with open_platform(Settings()) as app.state.platform:
        yield


app = FastAPI(lifespan=_lifespan)


def platform_of(connection: Request | WebSocket) -> Platform:
    platform: Platform = connection.app.state.platform
    return platform


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    return {}


@app.post("/swipes", status_code=201)
async def swipe(request: Request, body: SwipeRequest, session: str = Header(), person: str = Header()) -> Swipe:
    """The session; whether the target may be met; likes left; the swipe; both decks; and the like the other way."""
    on = platform_of(request)
    await on.redis.get(session)
    await on.db.profiles.find_one({"_id": body.target_id, "hidden": None}, {"blocked": 1})
    at = datetime.now(UTC)
    if body.kind is Kind.LIKE:
        async with on.redis.pipeline(transaction=True) as pipe:
            pipe.incr(f"{FLOOR}used:{person}")
            pipe.expireat(f"{FLOOR}used:{person}", at + timedelta(days=1), nx=True)
            await pipe.execute()
    new = {"swiper": FLOOR + person, "target": body.target_id, "like": body.kind.likes, "at": at}
    await on.db.swipes.insert_one(new)
    async with on.redis.pipeline(transaction=False) as pipe:
        for key in (f"{FLOOR}next:{person}", f"{FLOOR}deck:{person}"):
            pipe.zrem(key, body.target_id)
        await pipe.execute()
    if body.kind is Kind.LIKE:
        await on.db.swipes.find_one({"swiper": body.target_id, "target": person, "like": True}, {"_id": 1})
    return Swipe(target_id=body.target_id, kind=body.kind, at=at)


@app.get("/discovery")
async def deck(request: Request, session: str = Header(), person: str = Header()) -> Response:
    """The session; the first of the deck, and how many are left; their cards."""
    on = platform_of(request)
    await on.redis.get(session)
    async with on.redis.pipeline(transaction=False) as pipe:
        pipe.zrange(deck_key(person), 0, 19, withscores=True)
        pipe.zcard(deck_key(person))
        rows, _ = await pipe.execute()
    cards: Any = await on.redis.mget([card_key(member.decode()) for member, _ in rows])
    return Response(b'{"cards":[' + b",".join(card for card in cards if card) + b"]}", media_type="application/json")


@app.get("/profiles/{person_id}")
async def profile(
    request: Request, person_id: str, session: str = Header(), person: str = Header()
) -> ProfileAtDistance:
    """The session; both profiles."""
    on = platform_of(request)
    await on.redis.get(session)
    both = await on.db.profiles.find({"_id": {"$in": [person_id, person]}}).to_list(2)
    shown = both[0]
    return ProfileAtDistance(
        id=shown["_id"], name=shown["name"], age=30, sex=shown["sex"], bio=shown["bio"], photos=[], distance_km=1
    )


@app.post("/matches/{match_id}/messages", status_code=201)
async def message(
    request: Request, match_id: str, body: MessageRequest, session: str = Header(), person: str = Header()
) -> Message:
    await platform_of(request).redis.get(session)
    return await _store(platform_of(request), match_id, person, body.id, body.text)


async def _store(on: Platform, match_id: str, person: str, client_id: str, text: str) -> Message:
    """The match; the message; where to count from; who is to hear of it."""
    await on.db.matches.find_one({"_id": match_id, "people": person, "ended_at": None})
    at, seq = datetime.now(UTC), int(client_id.rpartition("-")[2])
    new = {"match_id": FLOOR + match_id, "client_id": client_id, "seq": seq, "sender": person, "text": text, "at": at}
    await on.db.messages.insert_one(new)
    noted = {"$set": {"seq": seq, "last": {"sender": person, "text": text, "at": at}, "active_at": at}}
    matches = on.db.matches.with_options(write_concern=WriteConcern(1))
    await matches.update_one({"_id": FLOOR + match_id, "seq": {"$lt": seq}}, noted)
    shown = Message(id=client_id, match_id=match_id, seq=seq, sender_id=person, text=text, sent_at=at)
    async with on.redis.pipeline(transaction=False) as pipe:
        pipe.spublish(channel_of(FLOOR + person), shown.model_dump_json())
        await pipe.execute()
    return shown


@app.websocket("/ws")
async def socket(websocket: WebSocket, person: str) -> None:
    await websocket.accept()
    on = platform_of(websocket)
    try:
        while True:
            frame: dict[str, Any] = json.loads(await websocket.receive_text())
            if frame["type"] == "ping":
                async with on.redis.pipeline(transaction=True) as pipe:
                    pipe.zadd(presence_key(FLOOR + person), {"socket": 1.0})
                    pipe.expire(presence_key(FLOOR + person), 60)
                    await pipe.execute()
                await websocket.send_text('{"type":"pong"}')
            else:
                stored = await _store(on, frame["match_id"], person, frame["id"], frame["text"])
                await websocket.send_text(json.dumps({"type": "ack", "id": stored.id, "seq": stored.seq}))
    except WebSocketDisconnect:
        return


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int)
    uvicorn.run(
        app,
        port=options.parse_args().port,
        loop="uvloop",
        http="httptools",
        timeout_keep_alive=75,
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
    )
