"""What the API answers when it refuses, and the one handler that turns it into JSON.

ApiError
├── NotSignedIn       401   no session, or it ended
├── NotFound          404   not there, or not yours to see
├── Conflict          409   the state does not allow it
├── TooManyRequests   429   later, please
    └── StoreAway         503   a server that we need does not answer
"""

import logging

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from reference_app.platform import STORE_AWAY

log = logging.getLogger(__name__)


class ApiError(Exception):
    """A refusal: `code` is for programs, the message for people."""

    status = 400
    code = "bad_request"

    @property
    def body(self) -> dict[str, dict[str, str]]:
        return {"error": {"code": self.code, "message": str(self)}}


class NotSignedIn(ApiError):
    status, code = 401, "not_signed_in"


class NotFound(ApiError):
    status, code = 404, "not_found"


class Conflict(ApiError):
    status, code = 409, "conflict"


class TooManyRequests(ApiError):
    status, code = 429, "too_many_requests"


class StoreAway(ApiError):
    status, code = 503, "unavailable"

    def __init__(self) -> None:
        super().__init__("A server that we need does not answer; try again in a moment.")


def install(app: FastAPI) -> None:
    """Answer every ApiError and every malformed request in the same shape."""

    @app.exception_handler(ApiError)
    async def refuse(_: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.body, error.status)

    async def away(_: Request, error: Exception) -> JSONResponse:
        log.warning("%s: %s", type(error).__name__, error)
        refusal = StoreAway()
        return JSONResponse(refusal.body, refusal.status, headers={"Retry-After": "1"})

    for kind in STORE_AWAY:
        app.add_exception_handler(kind, away)

    @app.exception_handler(HTTPException)
    async def no_such_route(_: Request, error: HTTPException) -> JSONResponse:
        code = error.detail.lower().replace(" ", "_")
        return JSONResponse(
            {"error": {"code": code, "message": error.detail}}, error.status_code, headers=error.headers
        )

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            {"at": list(problem["loc"]), "message": problem["msg"]} for problem in jsonable_encoder(error.errors())
        ]
        message = "; ".join(f"{'.'.join(map(str, p['at']))}: {p['message']}" for p in problems)
        return JSONResponse({"error": {"code": "invalid", "message": message}}, 422)
