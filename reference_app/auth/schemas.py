"""Bodies of the sign-in endpoints."""

from typing import Annotated

from pydantic import BaseModel, Field

from reference_app.bodies import ANNA, Body, example
from scenarios.people import OTP_DIGITS

Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$", description="E.164")]


class OtpRequest(Body):
    model_config = example(phone="+9991000000007")

    phone: Phone


class SessionRequest(Body):
    model_config = example(phone="+9991000000007", code="123456")

    phone: Phone
    code: Annotated[str, Field(pattern=rf"^[0-9]{{{OTP_DIGITS}}}$")]


class Ticket(BaseModel):
    """Opens one socket, once: `new WebSocket(".../ws", ["matchday", "ticket." + ticket])`."""

    model_config = example(ticket="q7Zc2mX9vR4tB1nL8sK5wY3hJ6dG0fPa", expires_in_s=30)

    ticket: str
    expires_in_s: int


class Session(BaseModel):
    """Send the token with every request, as `Authorization: Bearer <token>`."""

    model_config = example(token="hL3xZ0m8Qk5vR2nW7tYc1sB4dF6gJ9pA", person_id=ANNA, expires_in_s=2_592_000)

    token: str
    person_id: str
    expires_in_s: int
