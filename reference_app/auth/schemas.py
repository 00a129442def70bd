"""Bodies of the sign-in endpoints."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from scenarios.people import OTP_DIGITS

Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+9991000000007"])]


class Body(BaseModel):
    """Base of all request bodies: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class OtpRequest(Body):
    phone: Phone


class SessionRequest(Body):
    phone: Phone
    code: Annotated[str, Field(pattern=rf"^[0-9]{{{OTP_DIGITS}}}$", examples=["123456"])]


class Session(BaseModel):
    token: str
    person_id: str
    expires_in_s: int
