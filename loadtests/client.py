"""The API as typed calls: one method an endpoint, named in the statistics by its route."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import orjson
from gevent import GreenletExit

from loadtests.wire import Letter

if TYPE_CHECKING:  # importing it imports Locust, which patches the standard library
    from loadtests.session import Answer, Session


class Refused(Exception):
    """The backend did not do what was asked; the failure is recorded already. `status` is 0 without an answer."""

    def __init__(self, what: str, status: int = 0) -> None:
        super().__init__(what)
        self.status = status


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


@dataclass(frozen=True)
class Match:
    """A match in the list. `last_sender_id` is None while nobody has written; `read_seq`: how far one has read."""

    id: str
    other_id: str
    matched_at: datetime
    last_sender_id: str | None
    last_seq: int
    read_seq: int


class Api:
    """One person's calls. Each raises Refused when the answer is a failure.

    A backend of your own has a subclass of this, in a file that --client names: docs/your-backend.md.
    """

    def __init__(self, session: "Session") -> None:
        self._session = session
        self.token = ""
        self._headers: dict[str, str] = {}
        self._headers_with_json = {"Content-Type": "application/json"}

    def sign_in(self, user: Mapping[str, str]) -> str:
        """Sign in as a test user (`phone` and `code`, or the columns of --people). Returns the person's id."""
        if "token" in user:
            self.use_token(user["token"])
            return user["person_id"]
        self.call("POST", "/auth/otp", body={"phone": user["phone"]})
        session = self.call("POST", "/auth/session", body={"phone": user["phone"], "code": user["code"]})
        self.use_token(session["token"])
        return str(session["person_id"])

    def use_token(self, token: str) -> None:
        """Every call from now on is made with it; the socket, too."""
        self.token = token
        self.use_headers({"Authorization": f"Bearer {token}"})

    def use_headers(self, headers: Mapping[str, str]) -> None:
        self._headers |= headers
        self._headers_with_json |= headers

    def sign_out(self) -> None:
        self.call("DELETE", "/auth/session")

    def socket_ticket(self) -> str:
        """What opens the socket, once."""
        return str(self.call("POST", "/auth/ticket")["ticket"])

    def place(self) -> tuple[float, float]:
        """Where the person is: latitude, longitude."""
        here = self.call("GET", "/me")["location"]
        return here["latitude"], here["longitude"]

    def edit_bio(self, bio: str) -> None:
        self.call("PATCH", "/me", body={"bio": bio})

    def move(self, latitude: float, longitude: float) -> None:
        self.call("PUT", "/me/location", body={"latitude": latitude, "longitude": longitude})

    def discover(self) -> list[Card]:
        return [Card.of(card["profile"]) for card in self.call("GET", "/discovery")["cards"]]

    def profile(self, person_id: str) -> Card:
        return Card.of(self.call("GET", f"/profiles/{person_id}", "/profiles/{id}"))

    def image(self, url: str) -> bool:
        """Load an image. Returns whether a cache had it (CloudFront says "Hit from cloudfront")."""
        answer = self._session.ask("GET", url)
        self._session.count("IMAGE", IMAGE_NAME, answer, _problem(answer))
        if not answer.ok:
            raise Refused(url)
        return "hit" in (answer.header("x-cache") or "").lower()

    def swipe(self, target_id: str, like: bool) -> Swipe:
        """Returns the swipe that stands: the first one wins."""
        stands = self.call("POST", "/swipes", body={"target_id": target_id, "kind": "like" if like else "pass"})
        return Swipe(stands["kind"] != "pass", datetime.fromisoformat(stands["at"]))

    def matches(self) -> list[Match]:
        """Those with the latest news first."""
        return [match_of(found) for found in self.call("GET", "/matches")["matches"]]

    def unmatch(self, match_id: str) -> None:
        self.call("DELETE", f"/matches/{match_id}", "/matches/{id}")

    def messages(self, match_id: str, after: int) -> list[Letter]:
        """None of them when the other has ended the match meanwhile, which is no failure."""
        url = f"/matches/{match_id}/messages?after={after}"
        found = self.call("GET", url, "/matches/{id}/messages", may_be_gone=True)
        messages = found["messages"] if found else ()
        return [Letter(message["id"], match_id, message["seq"], message["sender_id"]) for message in messages]

    def mark_read(self, match_id: str, seq: int) -> None:
        """Everything up to `seq` has been looked at. No failure when the other has ended the match meanwhile."""
        self.call("PUT", f"/matches/{match_id}/read", "/matches/{id}/read", {"seq": seq}, may_be_gone=True)

    def upload_photo(self, jpeg: bytes) -> None:
        """All of it: presign, upload to the store, complete."""
        photo = self.call("POST", "/photos")
        body, content_type = _multipart(photo["upload"]["fields"], jpeg)
        answer = self._session.ask("POST", photo["upload"]["url"], body, {"Content-Type": content_type})
        # S3's latency, not the API's.
        self._session.count("STORE", "photo upload", answer, _problem(answer))
        if answer.ok:
            self.call("POST", f"/photos/{photo['id']}/complete", "/photos/{id}/complete")

    def call(self, method: str, path: str, name: str | None = None, body: Any = None, may_be_gone: bool = False) -> Any:
        """Make a call, with a body of JSON if there is one, and return its answer's JSON; None when that is empty.

        `name` is the route in the statistics, for paths with ids in them. With `may_be_gone` 404 is no failure, and its
        answer None. Raises Refused, once the failure is counted.
        """
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
            raise Refused(f"{method} {name or path}", answer.status_code)
        return found


def match_of(found: Mapping[str, Any]) -> Match:
    last = found["last_message"]
    return Match(
        found["id"],
        found["with_profile"]["id"],
        datetime.fromisoformat(found["matched_at"]),
        last["sender_id"] if last else None,
        found["last_seq"],
        found["read_seq"],
    )


IMAGE_NAME = "photo"
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
