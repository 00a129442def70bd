"""How Matchday speaks to Sparks: the one file that a backend of your own needs.

`Client` makes each call that people make; what Sparks does not have does nothing. `Socket` reads and writes its frames.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loadtests.client import Api, Card, Match, Swipe
from loadtests.wire import Frames, Heard, Letter, Matched, Refusal, Stored


class Client(Api):
    def sign_in(self, user: Mapping[str, str]) -> str:
        """`user` is a line of people.csv."""
        self.token = self.call("POST", "/login", body={"user": user["user"], "secret": user["secret"]})["key"]
        self.use_headers({"X-Key": self.token})
        return user["user"]

    def sign_out(self) -> None:
        return

    def place(self) -> tuple[float, float]:
        return 0.0, 0.0

    def move(self, latitude: float, longitude: float) -> None:
        return

    def edit_bio(self, bio: str) -> None:
        return

    def upload_photo(self, jpeg: bytes) -> None:
        return

    def discover(self) -> list[Card]:
        return [_card(found) for found in self.call("GET", "/next")]

    def profile(self, person_id: str) -> Card:
        return _card(self.call("GET", f"/people/{person_id}", "/people/{uid}"))

    def swipe(self, target_id: str, like: bool) -> Swipe:
        stands = self.call("PUT", f"/rate/{target_id}?up={str(like).lower()}", "/rate/{uid}")
        return Swipe(stands["up"], datetime.fromisoformat(stands["at"]))

    def matches(self) -> list[Match]:
        return [
            Match(
                found["pair"],
                found["uid"],
                datetime.fromisoformat(found["since"]),
                found["last_by"],
                found["count"],
                found["seen"],
            )
            for found in self.call("GET", "/pairs")
        ]

    def messages(self, match_id: str, after: int) -> list[Letter]:
        found = self.call("GET", f"/pairs/{match_id}/notes?start={after}", "/pairs/{pair}/notes")
        return [_letter(note) for note in found]

    def mark_read(self, match_id: str, seq: int) -> None:
        self.call("PUT", f"/pairs/{match_id}/seen/{seq}", "/pairs/{pair}/seen/{number}")

    def unmatch(self, match_id: str) -> None:
        return


class Socket(Frames):
    def address(self) -> tuple[str, list[str]]:
        return f"{self.host.replace('http', 'ws', 1)}/live?key={self.api.token}", []

    def message(self, match_id: str, message_id: str, text: str) -> str:
        return json.dumps({"pair": match_id, "ref": message_id, "say": text})

    def delivered(self, match_id: str, seq: int) -> None:
        return None

    def ping(self) -> None:
        return None

    def heard(self, data: bytes) -> Heard | None:
        frame = json.loads(data)
        match frame["ev"]:
            case "note":
                return _letter(frame)
            case "kept":
                return Stored(frame["ref"], frame["n"])
            case "pair":
                return Matched(frame["pair"], frame["uid"])
            case "no":
                return Refusal("no such pair", frame["ref"])
        return None


def _card(found: Mapping[str, Any]) -> Card:
    return Card(found["uid"], tuple(found["pics"]))


def _letter(note: Mapping[str, Any]) -> Letter:
    return Letter(note["ref"], note["pair"], note["n"], note["by"])
