"""What the API answers when it refuses, and the one handler that turns it into JSON.

ApiError
├── NotSignedIn         401   no session, or it ended
├── Forbidden           403   signed in, but not allowed
│   └── Suspended       403   a moderator has closed the account
├── NotFound            404   not there, or not yours to see
├── Conflict            409   the state does not allow it
├── TooSlow             408   the body did not come in time
├── TooLarge            413   the body is longer than any that is wanted
├── TooManyRequests     429   later, please
│   └── LikesUsedUp     429   tomorrow, please
├── Broken              500   our mistake
└── StoreAway           503   a server that we need does not answer
"""

import logging
from collections import defaultdict
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from reference_app.bodies import example
from reference_app.platform import STORE_AWAY

log = logging.getLogger(__name__)
PROBLEMS_SHOWN = 5


class ApiError(Exception):
    """A refusal: `code` is for programs, the message for people."""

    status = 400
    code = "bad_request"
    retry_after_s: int | None = None

    @property
    def body(self) -> dict[str, dict[str, str]]:
        return {"error": {"code": self.code, "message": str(self)}}

    @property
    def headers(self) -> dict[str, str] | None:
        return None if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}


class NotSignedIn(ApiError):
    status, code = 401, "not_signed_in"


class Forbidden(ApiError):
    status, code = 403, "forbidden"


class Suspended(Forbidden):
    code = "suspended"

    def __init__(self) -> None:
        super().__init__("A moderator has closed this account.")


class NotFound(ApiError):
    status, code = 404, "not_found"


class Conflict(ApiError):
    status, code = 409, "conflict"


class TooSlow(ApiError):
    status, code = 408, "request_timeout"


class TooLarge(ApiError):
    status, code = 413, "content_too_large"


class TooManyRequests(ApiError):
    status, code = 429, "too_many_requests"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LikesUsedUp(TooManyRequests):
    code = "likes_used_up"

    def __init__(self, what: str, retry_after_s: int) -> None:
        super().__init__(f"No {what} are left for today.", retry_after_s)


class Broken(ApiError):
    status, code = 500, "internal"

    def __init__(self) -> None:
        super().__init__("Something is wrong on our side; tell us the X-Request-Id of this answer.")


class StoreAway(ApiError):
    status, code = 503, "unavailable"
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("A server that we need does not answer; try again in a moment.")


class Problem(BaseModel):
    code: str
    message: str


class Refusal(BaseModel):
    """What every answer but a success carries."""

    model_config = example(error={"code": "not_found", "message": "There is no such person."})

    error: Problem


class Invalid(ApiError):
    """The body, the path or the query is not what the API describes."""

    status, code = 422, "invalid"


def answer_of(refusal: ApiError) -> JSONResponse:
    return JSONResponse(refusal.body, refusal.status, headers=refusal.headers)


# Of the server's parser, before any route: a request that is no HTTP, such as a Transfer-Encoding without a value.
_NOT_HTTP = {"description": "the request is no HTTP", "content": {"text/plain": {"schema": {"type": "string"}}}}


def refusals(*errors: type[ApiError]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the refusals that it may answer with, and those that any route may."""
    codes = defaultdict[int, list[str]](list)
    every: tuple[type[ApiError], ...] = (*errors, Invalid, TooSlow, TooLarge, TooManyRequests, StoreAway)
    for error in every:
        if error.code not in codes[error.status]:
            codes[error.status].append(error.code)
    described: dict[int | str, dict[str, Any]] = {int(HTTPStatus.BAD_REQUEST): _NOT_HTTP}
    for status in sorted(codes):
        described[status] = {"model": Refusal, "description": " or ".join(codes[status])}
    return described


def install(app: FastAPI) -> None:
    """Answer every ApiError and every malformed request in the same shape."""

    @app.exception_handler(ApiError)
    async def refuse(_: Request, error: ApiError) -> JSONResponse:
        return answer_of(error)

    async def away(_: Request, error: Exception) -> JSONResponse:
        log.warning("%s: %s", type(error).__name__, error)
        return answer_of(StoreAway())

    for kind in STORE_AWAY:
        app.add_exception_handler(kind, away)

    @app.exception_handler(HTTPException)
    async def no_such_route(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's, of a body that is no text, or nested too deeply
            return answer_of(Invalid("body: it is no JSON that can be read"))
        code = error.detail.lower().replace(" ", "_")
        return JSONResponse(
            {"error": {"code": code, "message": error.detail}}, error.status_code, headers=error.headers
        )

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        if len(problems) > PROBLEMS_SHOWN:  # a body may have thousands
            problems[PROBLEMS_SHOWN:] = [f"and {len(problems) - PROBLEMS_SHOWN:,} more"]
        return answer_of(Invalid("; ".join(problems)))
