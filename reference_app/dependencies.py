"""How routes are given their services."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

Made = TypeVar("Made")


def made_by(make: Callable[[HTTPConnection], Made]) -> Any:
    """A dependency that is made on the event loop.

    FastAPI would call a plain function in a thread, which takes longer than making the service, and would wait when
    all threads are held up by a server that does not answer.
    """

    async def dependency(connection: HTTPConnection) -> Made:
        return make(connection)

    return Depends(dependency)
