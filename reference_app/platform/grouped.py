"""Calls that arrive while one is under way go together in the next, as one round trip.

No call waits for a clock: with nothing under way it goes at once, so a quiet system is as fast as without. The more
arrive, the larger the groups: what a round trip costs, here and at the server, is shared.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

_READS_AT_ONCE_MAX = 100
# Some times as long as a read takes: one that hangs holds up no others.
_READ_WAITS_S = 0.01

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Grouped(Generic[Asked, Answer]):
    """`ask_all` answers each of what it is asked, in that order; an answer that is an exception is raised."""

    def __init__(
        self,
        ask_all: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | Exception]]],
        at_once_max: int,
        wait_s: float | None = None,
    ) -> None:
        """`wait_s`: the longest that a call waits for the one under way; without it, until that is over."""
        self._ask_all, self._at_once_max, self._wait_s = ask_all, at_once_max, wait_s
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, one: Asked) -> Answer:
        """Raises what `ask_all` raises, whichever call of its group it is for."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((one, done))
        if not self._under_way:
            self._go()
        elif self._wait_s is not None and self._timer is None:
            self._timer = loop.call_later(self._wait_s, self._go)
        return await done

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _go(self) -> None:
        """Start the next group; all of them, where none waits for another for long."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            group, self._waiting = self._waiting[: self._at_once_max], self._waiting[self._at_once_max :]
            task = asyncio.create_task(self._answer(group))
            self._under_way.add(task)
            task.add_done_callback(self._over)
            if self._wait_s is None:
                return

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._waiting and not self._under_way:
            self._go()

    async def _answer(self, group: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        answers: Sequence[Answer | Exception]
        try:
            answers = await self._ask_all([one for one, _ in group])
        except Exception as error:  # it concerns them all
            answers = [error] * len(group)
        for (_, done), answer in zip(group, answers, strict=True):
            if done.done():  # whoever waited has been cancelled
                continue
            if isinstance(answer, Exception):
                done.set_exception(answer)
            else:
                done.set_result(answer)


def grouped_reads(
    ask_all: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | Exception]]],
) -> Grouped[Asked, Answer]:
    """For what MongoDB or Redis answers within milliseconds."""
    return Grouped(ask_all, _READS_AT_ONCE_MAX, _READ_WAITS_S)
