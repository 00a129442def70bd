"""A phone's evening and a moderator's, through the generated client alone; runs where only that client is installed.

Reads {"url", "people": [[phone, code], ...], "moderator": [phone, code], "picture": path} from standard input; writes
the names of the operations that it called, and of those that there are.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import SimpleNamespace
from typing import Any

import httpx
import matchday_client.api
from matchday_client import AuthenticatedClient, Client
from matchday_client import models as m

PATIENCE_S = 60
called: set[str] = set()


def operations() -> set[str]:
    folder = Path(matchday_client.api.__file__).parent
    return {
        f"{tag.name}.{operation.name}"
        for tag in iter_modules([str(folder)])
        for operation in iter_modules([str(folder / tag.name)])
    }


def call(client: Any, operation: str, *path: str, **more: Any) -> Any:
    """What the operation answered, as the type that the client makes of it."""
    called.add(operation)
    answer = import_module(f"matchday_client.api.{operation}").sync_detailed(*path, client=client, **more)
    if answer.status_code >= 300 or isinstance(answer.parsed, m.Refusal):
        raise SystemExit(f"{operation}: {answer.status_code} {answer.content.decode()}")
    return answer.parsed


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (fact := found()):
        if time.monotonic() > deadline:
            raise SystemExit("waited in vain")
        time.sleep(0.05)
    return fact


def sign_in(url: str, phone: str, code: str) -> SimpleNamespace:
    # An answer that the document does not name is an error, too.
    anybody = Client(url, raise_on_unexpected_status=True)
    call(anybody, "auth.send_code", body=m.OtpRequest(phone))
    session = call(anybody, "auth.sign_in", body=m.SessionRequest(phone, code))
    client = AuthenticatedClient(url, session.token, raise_on_unexpected_status=True)
    return SimpleNamespace(id=session.person_id, client=client)


def main() -> None:
    given = json.load(sys.stdin)
    anna, ben, carla = (sign_in(given["url"], *person) for person in given["people"])
    moderator = sign_in(given["url"], *given["moderator"])

    me = call(anna.client, "profiles.get_me")
    assert call(anna.client, "auth.socket_ticket").expires_in_s > 0
    update = m.MeUpdate(bio="Off to the lake.", preferences=me.preferences)
    assert call(anna.client, "profiles.change_me", body=update).bio == update.bio
    call(anna.client, "profiles.move", body=m.Location(52.52, 13.405))
    assert call(anna.client, "profiles.get_profile", ben.id).name
    assert isinstance(call(anna.client, "discovery.next_cards", limit=5).cards, list)

    call(anna.client, "swipes.swipe", body=m.SwipeRequest(carla.id, m.Kind.PASS))
    call(anna.client, "swipes.undo_swipe", carla.id)
    call(anna.client, "swipes.swipe", body=m.SwipeRequest(ben.id, m.Kind.SUPER_LIKE))
    call(ben.client, "swipes.swipe", body=m.SwipeRequest(anna.id, m.Kind.LIKE))
    match = until(lambda: call(anna.client, "chat.list_matches").matches)[0]
    assert match.with_profile.id == ben.id

    request = m.DeviceRequest("token-of-this-device", m.PhoneSystem.ANDROID)
    device = call(ben.client, "push.register_device", body=request)
    sent = call(anna.client, "chat.send_message", match.id, body=m.MessageRequest("message-1", "Hello"))
    (message,) = call(ben.client, "chat.read_messages", match.id, after=0, limit=10).messages
    assert (message.text, message.seq) == ("Hello", sent.seq)
    call(ben.client, "chat.mark_read", match.id, body=m.ReadUpTo(sent.seq))
    call(ben.client, "push.unregister_device", device.id)

    new = call(anna.client, "photos.start_upload")
    with Path(given["picture"]).open("rb") as picture:
        stored = httpx.post(new.upload.url, data=new.upload.fields.to_dict(), files={"file": picture})
    stored.raise_for_status()
    call(anna.client, "photos.complete_upload", new.id)
    until(lambda: call(anna.client, "photos.get_photo", new.id).state == m.State.IN_REVIEW)
    reported = call(anna.client, "safety.report", body=m.ReportRequest(ben.id, m.Reason.SPAM, "Sells pills."))
    waiting = call(moderator.client, "moderation.moderation_queue", limit=100)
    assert new.id in {waits.photo.id for waits in waiting.photos}
    assert reported.id in {report.id for report in waiting.reports}
    call(moderator.client, "moderation.decide_photo", new.id, body=m.PhotoDecision(True))
    photos = [photo.id for photo in call(anna.client, "photos.list_photos").photos if photo.state == m.State.APPROVED]
    call(anna.client, "photos.order_photos", body=m.PhotoOrder([new.id, *(p for p in photos if p != new.id)]))
    assert call(ben.client, "profiles.get_profile", anna.id).photos[0].id == new.id
    call(anna.client, "photos.delete_photo", new.id)

    call(anna.client, "safety.block", carla.id)
    assert call(anna.client, "safety.list_blocked").person_ids == [carla.id]
    call(anna.client, "safety.unblock", carla.id)
    call(anna.client, "chat.unmatch", match.id)
    call(moderator.client, "moderation.decide_report", reported.id, body=m.ReportDecision(True))
    call(moderator.client, "moderation.lift_suspension", ben.id)
    call(anna.client, "profiles.delete_account")
    call(carla.client, "auth.sign_out")
    json.dump({"called": sorted(called), "there_are": sorted(operations())}, sys.stdout)


main()
