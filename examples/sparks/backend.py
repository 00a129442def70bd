"""Sparks: a dating backend with an API of its own, all in memory, in one file. To show how any backend is rehearsed.

`python examples/sparks/backend.py 8081` serves it on loopback. It knows the users u0 to u199, each with the password
"p" and their number.
"""

import asyncio
import itertools
import secrets
import sys
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Response, WebSocket, WebSocketDisconnect

USERS = [f"u{number}" for number in range(200)]
PICTURE = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")

app = FastAPI(title="Sparks")
keys: dict[str, str] = {}
thumbs: dict[tuple[str, str], bool] = {}
pairs: dict[str, tuple[str, str, datetime]] = {}
notes: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
seen: defaultdict[tuple[str, str], int] = defaultdict(int)
live: dict[str, WebSocket] = {}


def who(x_key: Annotated[str, Header()] = "") -> str:
    if x_key not in keys:
        raise HTTPException(401)
    return keys[x_key]


Me = Annotated[str, Depends(who)]


@app.post("/login")
def login(body: dict[str, str]) -> dict[str, str]:
    if body["secret"] != f"p{body['user'].removeprefix('u')}" or body["user"] not in USERS:
        raise HTTPException(403)
    key = secrets.token_urlsafe()
    keys[key] = body["user"]
    return {"key": key}


@app.get("/next")
def next_people(me: Me) -> list[dict[str, Any]]:
    others = (user for user in USERS if user != me and (me, user) not in thumbs)
    return [{"uid": uid, "pics": [f"/pics/{uid}.gif"]} for uid in itertools.islice(others, 20)]


@app.get("/people/{uid}")
def person(uid: str, me: Me) -> dict[str, Any]:
    return {"uid": uid, "pics": [f"/pics/{uid}.gif"]}


@app.get("/pics/{uid}.gif")
def picture(uid: str) -> Response:
    return Response(PICTURE, media_type="image/gif")


@app.put("/rate/{uid}")
async def rate(uid: str, up: bool, me: Me) -> dict[str, Any]:
    thumbs[me, uid] = up
    pair = "+".join(sorted((me, uid)))
    if up and thumbs.get((uid, me)) and pair not in pairs:
        pairs[pair] = me, uid, datetime.now(UTC)
        await tell(me, {"ev": "pair", "pair": pair, "uid": uid})
        await tell(uid, {"ev": "pair", "pair": pair, "uid": me})
    return {"up": up, "at": datetime.now(UTC)}


@app.get("/pairs")
def list_pairs(me: Me) -> list[dict[str, Any]]:
    return [
        {
            "pair": pair,
            "uid": other if one == me else one,
            "since": since,
            "last_by": notes[pair][-1]["by"] if notes[pair] else None,
            "count": len(notes[pair]),
            "seen": seen[pair, me],
        }
        for pair, (one, other, since) in pairs.items()
        if me in (one, other)
    ]


@app.get("/pairs/{pair}/notes")
def read_notes(pair: str, start: int, me: Me) -> list[dict[str, Any]]:
    return notes[pair][start:]


@app.put("/pairs/{pair}/seen/{number}", status_code=204)
def mark_seen(pair: str, number: int, me: Me) -> None:
    seen[pair, me] = number


@app.websocket("/live")
async def connect(socket: WebSocket, key: str) -> None:
    if key not in keys:
        await socket.close(4401)
        return
    me = keys[key]
    await socket.accept()
    live[me] = socket
    with suppress(WebSocketDisconnect):
        while True:
            said = await socket.receive_json()
            if said["pair"] not in pairs:
                await socket.send_json({"ev": "no", "ref": said["ref"]})
                continue
            note = {"ev": "note", "pair": said["pair"], "by": me, "ref": said["ref"], "n": len(notes[said["pair"]]) + 1}
            notes[said["pair"]].append(note)
            await socket.send_json({"ev": "kept", "ref": said["ref"], "n": note["n"]})
            one, other, _ = pairs[said["pair"]]
            await tell(other if one == me else one, note)
    if live.get(me) is socket:
        del live[me]


async def tell(user: str, event: dict[str, Any]) -> None:
    if user in live:
        with suppress(WebSocketDisconnect, RuntimeError):
            await asyncio.wait_for(live[user].send_json(event), 1)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
