"""How routes are given their services: each is made once an application, when it is first asked for."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

Made = TypeVar("Made")


def once_an_app(make: Callable[[HTTPConnection], Made]) -> Callable[[HTTPConnection], Made]:
    """What is made of an application's clients, and of nothing that belongs to one request."""

    @wraps(make)
    def made(connection: HTTPConnection) -> Made:
        services: dict[object, Any] = connection.app.state.made
        if made not in services:
            services[made] = make(connection)
        service: Made = services[made]
        return service

    return made


def made_by(make: Callable[[HTTPConnection], Made]) -> Any:
    """A dependency that is made on the event loop.

    FastAPI would call a plain function in a thread, which takes longer than making the service, and would wait when
    all threads are held up by a server that does not answer.
    """

    async def dependency(connection: HTTPConnection) -> Made:
        return make(connection)

    return Depends(dependency)
