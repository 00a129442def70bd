"""Opens a deck, looks at one card after the other, likes or passes."""

from locust import task

from loadtests.client import Card, Refused
from loadtests.users.person import Person


class Swiper(Person):
    """Most people, most of the time."""

    def on_start(self) -> None:
        super().on_start()
        self._deck: list[Card] = []
        self._fresh = True

    @task
    def swipe(self) -> None:
        before = self.person_id
        self.be_signed_in()
        if self.person_id != before:
            self._deck = []
        try:
            self._swipe_next()
        except Refused:
            self._deck = []  # counted already; people pull to refresh
            self.linger()

    def _swipe_next(self) -> None:
        if not self._deck:
            self._deck = self.api.discover()
            if self._fresh:
                # When the run starts people are somewhere in their deck; else all would reload it at once.
                self._fresh = False
                del self._deck[: self.world.rng.randrange(len(self._deck) or 1)]
        if not self._deck:  # everybody near has been seen
            self.linger()
            return
        card = self._deck.pop(0)
        self.look_at(card)
        self.pause(self.world.duration_s(self.world.scenario.traffic.card_dwell))
        like = self.world.likes(self.sex, card.person_id)
        if like:
            self.world.post.liking(self.person_id, card.person_id)
        if not self.swipe_on(card.person_id, like).like and like:
            self.world.post.did_not_like(self.person_id, card.person_id)
