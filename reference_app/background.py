"""Work that a request leaves behind."""

import asyncio
import logging
from collections.abc import Collection, Coroutine
from typing import Any

log = logging.getLogger(__name__)


async def end(tasks: Collection[asyncio.Task[Any]], again_after_s: float = 0.1) -> None:
    """Cancel tasks until they have ended.

    Once may not do: in Python 3.11 `asyncio.wait_for`, through which redis-py writes, can swallow a cancellation, and
    so can a task that ends others meanwhile.
    """
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=again_after_s)


class Background:
    """Runs it off the request. Drained before the process ends.

    What fails is in the log. Matches are looked for again by the worker's sweep; the rest, pushes and decks that are
    computed ahead, can be done without.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("Work after a request failed", exc_info=error)

    async def drain(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
