"""Calls that arrive while one is under way go together, and each gets its own answer."""

import asyncio
from collections.abc import Sequence

import pytest

from reference_app.platform import Grouped
from tests.waiting import eventually


class Asked:
    """Answers twice the number, once it may; what is odd it refuses."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.groups.append(list(numbers))
        await self.may.wait()
        return [ValueError(number) if number % 2 else 2 * number for number in numbers]

    async def seen(self) -> list[list[int]]:
        return self.groups


async def begun(grouped: Grouped[int, int], numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(grouped.ask(number)) for number in numbers]
    await asyncio.sleep(0)  # each has asked now ...
    await asyncio.sleep(0)  # ... and the group has gone
    return tasks


async def test_each_gets_its_own_answer() -> None:
    asked = Asked()
    grouped = Grouped(asked, at_once_max=3)
    tasks = await begun(grouped, [2, 4, 5, 6, 8])
    assert asked.groups == [[2]]
    asked.may.set()
    assert await asyncio.gather(*tasks, return_exceptions=True) == [4, 8, tasks[2].exception(), 12, 16]
    assert isinstance(tasks[2].exception(), ValueError)
    assert asked.groups == [[2], [4, 5, 6], [8]]


async def test_whoever_is_cancelled_takes_no_answer_from_the_others() -> None:
    asked = Asked()
    grouped = Grouped(asked, at_once_max=3)
    first, second, third = await begun(grouped, [2, 4, 6])
    first.cancel()
    second.cancel()
    asked.may.set()
    assert await third == 12
    await grouped.drain()
    assert (await asyncio.gather(first, second, return_exceptions=True))[0] is not None


async def test_a_call_that_hangs_holds_up_the_others_for_a_moment_only() -> None:
    asked = Asked()
    grouped = Grouped(asked, at_once_max=2, wait_s=0.01)
    tasks = await begun(grouped, [0, 2, 4, 6])
    await eventually(asked.seen, [[0], [2, 4], [6]])
    asked.may.set()
    assert await asyncio.gather(*tasks) == [0, 4, 8, 12]


async def test_what_goes_wrong_for_all_is_told_to_all() -> None:
    async def broken(numbers: Sequence[int]) -> Sequence[int]:
        raise ConnectionError("away")

    grouped = Grouped(broken, at_once_max=10)
    for task in await begun(grouped, [1, 2]):
        with pytest.raises(ConnectionError):
            await task
