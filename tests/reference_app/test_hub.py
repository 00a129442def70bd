"""Who listens hears everything, however quickly sockets come and go."""

import logging
from dataclasses import dataclass, field
from typing import Any

import pytest

from reference_app.app import open_platform
from reference_app.chat.connection import Connection
from reference_app.chat.events import TypingEvent
from reference_app.chat.hub import Fanout, Hub
from reference_app.stack import LocalStack
from tests.waiting import eventually


@dataclass
class FakeSocket:
    """What a phone would read."""

    read: list[str] = field(default_factory=list)

    async def send_text(self, text: str) -> None:
        self.read.append(text)


async def test_a_phone_that_comes_back_at_once_is_heard(stack: LocalStack, caplog: pytest.LogCaptureFixture) -> None:
    event = TypingEvent(match_id="m")
    async with open_platform(stack.settings) as platform:
        hub, fanout = Hub(platform.channels), Fanout.on(platform)
        await hub.start()
        with caplog.at_level(logging.WARNING):
            for _ in range(100):
                socket: Any = FakeSocket()
                connection = Connection(socket, "session")
                connection.start()
                await hub.add("anna", connection)
                assert await fanout.send({"anna": event}) == {"anna"}
                await hub.remove("anna", connection)
                await connection.stop()
            last: Any = FakeSocket()
            connection = Connection(last, "session")
            connection.start()
            await hub.add("anna", connection)
            await fanout.send({"anna": event})
            await eventually(lambda: read_by(last), [event.model_dump_json()])
        await connection.stop()
        await hub.stop()
    # Not by starting anew, either: that would unsubscribe everybody for a moment.
    assert caplog.messages == []


async def read_by(socket: FakeSocket) -> list[str]:
    return socket.read
