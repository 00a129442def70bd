"""Waiting for a fact, not for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE_S = 60.0


async def eventually(read: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Return as soon as `read` gives `wanted`; fail with what it gave last."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := await read()) != wanted:
        assert time.monotonic() < deadline, f"still {found!r}, not {wanted!r}"
        await asyncio.sleep(0.02)


def wait_for(fact: Callable[[], object], what: str) -> None:
    """The same for what needs no loop: return as soon as the fact is there."""
    deadline = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < deadline, f"no {what} within {PATIENCE_S:.0f} s"
        time.sleep(0.05)
