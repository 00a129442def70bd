"""What a frame of the reference backend means to the load."""

import json

import pytest

from loadtests.wire import Frames, Refusal


class Silent(Frames):
    """Frames that need no API: only opening a socket asks one."""

    def __init__(self) -> None:
        pass


@pytest.mark.parametrize(
    ("code", "message_id", "meaning"),
    [
        ("unavailable", "message-1", Refusal("unavailable", "message-1", again=True)),
        ("not_found", "message-1", Refusal("not_found", "message-1")),
        ("too_many_requests", None, Refusal("too_many_requests")),
    ],
)
def test_a_frame_that_is_refused_is_a_failure(code: str, message_id: str | None, meaning: Refusal) -> None:
    frame = {"type": "error", "code": code, "message": "No.", "id": message_id}
    assert Silent().heard(json.dumps(frame).encode()) == meaning


def test_a_receipt_for_a_match_that_has_ended_meanwhile_is_none() -> None:
    """It comes late where a message was shown twice: over the socket, and from the history after a restart."""
    frame = {"type": "error", "code": "not_found", "message": "There is no such match of yours."}
    assert Silent().heard(json.dumps(frame).encode()) is None
