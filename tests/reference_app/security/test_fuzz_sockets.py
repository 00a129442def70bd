"""The socket against frames of every kind: no crash, and nobody but those who have matched hears of any.

`make test` sends some hundred frames, `make test-long` 10,000. They are the same in each run.
"""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import websockets
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reference_app.stack import LocalStack, apps
from reference_app.stack.process import free_port
from tests.reference_app.conftest import Backend, Somebody, frame
from tests.reference_app.security.world import newcomer
from tests.reference_app.test_chat import matched

FEW, MANY = 400, 10_000
AT_ONCE = 50
PING = '{"type":"ping"}'


@dataclass
class Stage:
    """Two who have matched, of whom one sends; and two others, who have nothing to do with it."""

    sender: Somebody
    partner: Somebody
    match: str
    bystanders: tuple[Somebody, Somebody]
    others_match: str
    app: Any


@pytest.fixture
async def stage(stack: LocalStack, tmp_path: Path) -> AsyncIterator[Stage]:
    environment = stack.settings.model_copy(update={"frames_per_10_s": 10**9}).as_environment()
    app = apps.app(tmp_path, environment, "app-fuzzed", port := free_port())
    app.start()
    try:
        app.wait_ready()
        backend = Backend(f"http://127.0.0.1:{port}", stack.settings.otp_test_secret)
        people = [await newcomer(backend, sex) for sex in ("male", "female", "male", "female")]
        match, others_match = await matched(people[0], people[1]), await matched(people[2], people[3])
        await people[2].http.post(f"/matches/{others_match}/messages", json={"id": "message-1", "text": "Between us."})
        yield Stage(people[0], people[1], match, (people[2], people[3]), others_match, app)
        for person in people:
            await person.http.aclose()
        assert app.running
        assert '"level": "error"' not in app.log.read_text()
    finally:
        app.stop()


def frames(stage: Stage, count: int) -> list[str | bytes]:
    """So many: bytes, text that is no JSON, JSON that is no frame, frames that are nearly right, and right ones."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
    values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner))
    matches = st.sampled_from([*[stage.match] * 6, stage.others_match, "", "a:b", stage.sender.id, "$where", "*"])
    fields = {
        "type": st.sampled_from(["message", "delivered", "read", "typing", "ping", "match", "session_ended", "end:"]),
        "match_id": matches,
        "id": st.uuids().map(str) | st.text(max_size=70) | st.sampled_from(["message-1", "message-12345678"]),
        "text": st.text(min_size=1, max_size=40) | st.text(max_size=2_100),
        "seq": st.integers(1, 9) | st.integers(-1, 3) | st.sampled_from([2**53, 2**63, 10**30]),
    }
    wanted = {
        "message": ["match_id", "id", "text"],
        "delivered": ["match_id", "seq"],
        "read": ["match_id", "seq"],
        "typing": ["match_id"],
        "ping": [],
    }
    right = st.sampled_from(sorted(wanted)).flatmap(
        lambda kind: st.fixed_dictionaries({"type": st.just(kind), **{name: fields[name] for name in wanted[kind]}})
    )
    nearly = st.fixed_dictionaries({}, optional={name: field | values for name, field in fields.items()})
    deep = st.integers(1, 20_000).map(lambda depth: "[" * depth)
    junk = st.one_of(
        nearly.map(json.dumps), values.map(json.dumps), st.text(max_size=300), st.binary(max_size=300), deep
    )
    any_frame = st.booleans().flatmap(lambda is_right: right.map(json.dumps) if is_right else junk)
    found: list[str | bytes] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),  # frames are large on purpose, and only collected here
    )
    @given(any_frame)
    def collect(one: str | bytes) -> None:
        found.append(one.encode(errors="replace").decode() if isinstance(one, str) else one)

    while len(found) < count:  # it stops early where it finds nothing new
        collect()
    return found[:count]


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
async def test_no_frame_harms_anybody(stage: Stage, count: int) -> None:
    before = [(await person.http.get("/matches")).json() for person in stage.bystanders]
    answers: Counter[str] = Counter()
    async with stage.partner.socket(max_queue=None) as partners:
        one, two = stage.bystanders
        async with one.socket() as ones, two.socket() as twos, stage.sender.socket(max_queue=None) as socket:
            for some in batches(frames(stage, count)):
                for each in some:
                    await socket.send(each)
                await socket.send(PING)
                # Frames are answered one after the other, so the last answer is that of our ping.
                pongs = 1 + sum(is_ping(each) for each in some)
                while pongs:
                    answer = await frame(socket)
                    answers[answer["type"]] += 1
                    pongs -= answer["type"] == "pong"
                    assert answer["type"] == "error" or stage.others_match not in json.dumps(answer)
            for bystander in (ones, twos):
                await bystander.send(PING)
                assert await frame(bystander) == {"type": "pong"}  # and nothing before it
        await partners.send(PING)
        heard = []
        while (event := await frame(partners))["type"] != "pong":
            heard.append(event)
    assert {event.get("match_id") or event["message"]["match_id"] for event in heard} == {stage.match}
    assert {event["type"] for event in heard} == {"message", "receipt", "read", "typing"}
    assert [(await person.http.get("/matches")).json() for person in stage.bystanders] == before
    assert set(answers) == {"error", "ack", "pong"}
    print(f"{count:,} frames; answers: {dict(answers)}")


def is_ping(sent: str | bytes) -> bool:
    try:
        return json.loads(sent) == {"type": "ping"} and isinstance(sent, str)
    except (ValueError, RecursionError):
        return False


def batches(all_of_them: list[str | bytes]) -> Iterator[list[str | bytes]]:
    for start in range(0, len(all_of_them), AT_ONCE):
        yield all_of_them[start : start + AT_ONCE]


@pytest.mark.parametrize("count", [30, pytest.param(500, marks=pytest.mark.slow)])
async def test_no_bytes_that_are_no_websocket_harm_anybody(stage: Stage, count: int) -> None:
    """What is not even a frame ends the connection that it comes over, and no other."""
    rng = random.Random(1)
    async with stage.partner.socket() as partners:
        for _ in range(count):
            async with stage.sender.socket() as socket:
                header = bytes([rng.randrange(256), rng.choice([0x80, 0xFE, 0xFF, rng.randrange(256)])])
                socket.transport.write(header + rng.randbytes(rng.randrange(200)))
                socket.transport.write_eof()
                await socket.wait_closed()
        await partners.send(PING)
        assert await frame(partners) == {"type": "pong"}


async def test_a_frame_in_a_thousand_pieces_is_one_frame(stage: Stage) -> None:
    async def pieces(text: str) -> AsyncIterator[str]:
        for letter in text:
            yield letter

    async with stage.sender.socket() as socket:
        await socket.send(pieces(json.dumps({"type": "ping"})))
        assert (await frame(socket))["type"] == "pong"
        with suppress(websockets.ConnectionClosed):
            await socket.send(pieces("x" * 70_000))
        await socket.wait_closed()
        assert socket.close_code in (1009, 1006)  # the server may have gone before we have read why
