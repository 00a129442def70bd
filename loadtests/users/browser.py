"""Reads profiles with all their photos, looks at matches, moves about, edits their own profile."""

import base64
from itertools import cycle

from gevent import GreenletExit
from gevent.pool import Group
from locust import task

from loadtests.client import Card, Refused
from loadtests.users.person import Person

# A grey JPEG of one pixel: the worker enlarges it; what is measured is the way, not the picture.
_JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0"
    "Hyc5PTgyPC4zNDL/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8A"
    "VN//2Q=="
)
_BIOS = cycle(("Off to the lake.", "Back in town.", "Reading again."))


class Browser(Person):
    """Takes their time."""

    def on_start(self) -> None:
        super().on_start()
        self._seen: list[Card] = []

    @task
    def browse(self) -> None:
        self.be_signed_in()
        shares = self.world.scenario.traffic.browser_actions
        action = self.world.rng.choices(list(shares), [share.value for share in shares.values()])[0]
        try:
            getattr(self, f"_{action}")()
        except Refused:
            self._seen = []
        self.linger()

    def _view_profile(self) -> None:
        """Open somebody's page: the profile and all its photos at once, as an app loads them."""
        if not self._seen:
            self._seen = self.api.discover()
        if not self._seen:
            return
        person_id = self._seen.pop(0).person_id
        start_s, failure, loading = self.world.clock.monotonic_s(), None, Group()
        try:
            card = self.api.profile(person_id)
            for url in card.photo_urls:
                loading.spawn(self._load_quietly, url)
            loading.join()
        except (Refused, GreenletExit) as error:
            failure = error
            loading.kill()
        self.environment.events.request.fire(
            request_type="FLOW",
            name="profile load",
            response_time=(self.world.clock.monotonic_s() - start_s) * 1000,
            response_length=0,
            exception=failure and "a part of it failed",
            context={},
        )
        if isinstance(failure, GreenletExit):
            raise failure

    def _load_quietly(self, url: str) -> None:
        try:
            self.load_image(url)
        except Refused:
            return  # the image's own failure is counted; the page still shows

    def _list_matches(self) -> None:
        if matches := self.api.matches():
            self.api.messages(matches[0]["id"], after=max(0, matches[0]["last_seq"] - 20))

    def _move(self) -> None:
        """A few hundred metres."""
        place = self.api.me()["location"]
        step = self.world.rng.uniform
        self.api.move(place["latitude"] + step(-0.005, 0.005), place["longitude"] + step(-0.005, 0.005))

    def _edit_bio(self) -> None:
        self.api.edit_bio(next(_BIOS))

    def _upload_photo(self) -> None:
        self.api.upload_photo(_JPEG)
