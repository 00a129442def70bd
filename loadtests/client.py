"""The API as typed calls: one method an endpoint, named in the statistics by its route."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import orjson
from gevent import GreenletExit

if TYPE_CHECKING:  # importing it imports Locust, which patches the standard library
    from loadtests.session import Answer, Session


class Refused(Exception):
    """The backend did not do what was asked; the failure is recorded already."""


@dataclass(frozen=True)
class Card:
    """Somebody as a deck or a profile shows them."""

    person_id: str
    photo_urls: tuple[str, ...]

    @classmethod
    def of(cls, profile: dict[str, Any]) -> Self:
        return cls(profile["id"], tuple(photo["card_url"] for photo in profile["photos"]))


@dataclass(frozen=True)
class Swipe:
    """A swipe that stands, and when it was made: in this run, or long ago."""

    like: bool
    at: datetime


class Api:
    """One person's calls. Each raises Refused when the answer is a failure."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._headers: dict[str, str] = {}
        self._headers_with_json = {"Content-Type": "application/json"}

    @property
    def token(self) -> str:
        return self._headers["Authorization"].removeprefix("Bearer ")

    def ask_for_code(self, phone: str) -> None:
        self._call("POST", "/auth/otp", body={"phone": phone})

    def sign_in(self, phone: str, code: str) -> str:
        """Returns the person's id."""
        session = self._call("POST", "/auth/session", body={"phone": phone, "code": code})
        self._headers = {"Authorization": f"Bearer {session['token']}"}
        self._headers_with_json |= self._headers
        return str(session["person_id"])

    def sign_out(self) -> None:
        self._call("DELETE", "/auth/session")

    def me(self) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", "/me")
        return found

    def edit_bio(self, bio: str) -> None:
        self._call("PATCH", "/me", body={"bio": bio})

    def move(self, latitude: float, longitude: float) -> None:
        self._call("PUT", "/me/location", body={"latitude": latitude, "longitude": longitude})

    def discover(self) -> list[Card]:
        return [Card.of(card["profile"]) for card in self._call("GET", "/discovery")["cards"]]

    def profile(self, person_id: str) -> Card:
        return Card.of(self._call("GET", f"/profiles/{person_id}", "/profiles/{id}"))

    def image(self, url: str) -> bool:
        """Load an image. Returns whether a cache had it (CloudFront says "Hit from cloudfront")."""
        answer = self._session.ask("GET", url)
        self._session.count("IMAGE", _IMAGE_NAME, answer, _problem(answer))
        if not answer.ok:
            raise Refused(url)
        return "hit" in (answer.header("x-cache") or "").lower()

    def swipe(self, target_id: str, like: bool) -> Swipe:
        """Returns the swipe that stands: the first one wins."""
        stands = self._call("POST", "/swipes", body={"target_id": target_id, "kind": "like" if like else "pass"})
        return Swipe(stands["kind"] != "pass", datetime.fromisoformat(stands["at"]))

    def matches(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("GET", "/matches")["matches"]
        return found

    def unmatch(self, match_id: str) -> None:
        self._call("DELETE", f"/matches/{match_id}", "/matches/{id}")

    def messages(self, match_id: str, after: int) -> list[dict[str, Any]]:
        """None of them when the other has ended the match meanwhile, which is no failure."""
        url = f"/matches/{match_id}/messages?after={after}"
        found = self._call("GET", url, "/matches/{id}/messages", may_be_gone=True)
        return list(found["messages"]) if found else []

    def mark_read(self, match_id: str, seq: int) -> None:
        """Everything up to `seq` has been looked at. No failure when the other has ended the match meanwhile."""
        self._call("PUT", f"/matches/{match_id}/read", "/matches/{id}/read", {"seq": seq}, may_be_gone=True)

    def upload_photo(self, jpeg: bytes) -> None:
        """All of it: presign, upload to the store, complete."""
        photo = self._call("POST", "/photos")
        body, content_type = _multipart(photo["upload"]["fields"], jpeg)
        answer = self._session.ask("POST", photo["upload"]["url"], body, {"Content-Type": content_type})
        # S3's latency, not the API's.
        self._session.count("STORE", "photo upload", answer, _problem(answer))
        if answer.ok:
            self._call("POST", f"/photos/{photo['id']}/complete", "/photos/{id}/complete")

    def _call(
        self, method: str, path: str, name: str | None = None, body: Any = None, may_be_gone: bool = False
    ) -> Any:
        if body is None:
            answer = self._session.ask(method, path, headers=self._headers)
        else:
            answer = self._session.ask(method, path, orjson.dumps(body), self._headers_with_json)
        gone = may_be_gone and answer.status_code == 404
        problem, found = None if gone else _problem(answer), None
        if problem is None and answer.content and not gone:
            try:
                found = orjson.loads(answer.content)
            except orjson.JSONDecodeError:
                problem = "the answer is no JSON"
        self._session.count(method, name or path, answer, problem)
        if problem:
            raise Refused(f"{method} {name or path}")
        return found


_IMAGE_NAME = "photo"
_BOUNDARY = "matchday-7d1f9c"


def _problem(answer: "Answer") -> str | None:
    """A failure's reason, without ids: Locust keeps one entry for each distinct text. None for a success."""
    if answer.ok:
        return None
    if isinstance(answer.error, GreenletExit):
        return "no answer when the test ended, nor --stop-timeout later"
    if not answer.status_code:
        return f"no answer: {type(answer.error).__name__}"
    try:
        return f"{answer.status_code} {orjson.loads(answer.content)['error']['code']}"
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)


def _multipart(fields: dict[str, str], jpeg: bytes) -> tuple[bytes, str]:
    """Form data as S3 wants it: the file comes last."""
    lines = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    lines.append(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = "".join(lines).encode() + jpeg + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return body, f"multipart/form-data; boundary={_BOUNDARY}"
