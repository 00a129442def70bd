"""The same traffic three ways: a bare FastHttpUser, the same recorded, and a Matchday user. Loaded by `locust -f`.

Each asks for a deck of 20 cards, then 20 times for a photo and a swipe, without a pause. BENCH_FILE gets the figures.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from locust import FastHttpUser, User, constant, events, task
from locust.env import Environment

from loadtests.client import Api
from loadtests.recording.listening import install
from loadtests.recording.recorder import Plan
from loadtests.session import Session
from scenarios.load import load

CARDS = 20
PHOTO = "/photos/1/card.webp"
SWIPE = {"target_id": "00000000-0000-4000-8000-000000000001", "kind": "like"}


def set_up(environment: Environment, **_: Any) -> None:
    if folder := os.environ.get("MATCHDAY_RECORD"):
        install(environment, Plan(load("phase-1", ["load.warm_up_s=0"]), Path(folder), None))
    begun: dict[str, float] = {}

    def begin(**_: Any) -> None:
        begun.update(cpu_s=time.process_time(), requests=environment.stats.total.num_requests)

    def end(**_: Any) -> None:
        total = environment.stats.total
        figures = {
            "requests": total.num_requests - begun["requests"],
            "failures": total.num_failures,
            "cpu_s": time.process_time() - begun["cpu_s"],
        }
        Path(os.environ["BENCH_FILE"]).write_text(json.dumps(figures))

    environment.events.spawning_complete.add_listener(begin)
    environment.events.test_stopping.add_listener(end)


events.init.add_listener(set_up)


class Bare(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self) -> None:
        self.client.get("/discovery")
        for _ in range(CARDS):
            self.client.get(PHOTO, name="photo")
            self.client.post("/swipes", json=SWIPE)


class Full(User):
    """What a swiper does, through the typed client: answers are checked, parsed, and counted by the recorder."""

    wait_time = constant(0)

    def on_start(self) -> None:
        assert self.host
        self.api = Api(Session(self.host, self.environment.events.request))

    @task
    def ask(self) -> None:
        for card in self.api.discover():
            self.api.image(card.photo_urls[0])
            self.api.swipe(card.person_id, like=True)
