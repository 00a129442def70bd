"""Bodies of the device endpoints, and what a notification says."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from reference_app.bodies import Body, example


class PhoneSystem(StrEnum):
    IOS = "ios"
    ANDROID = "android"


class DeviceRequest(Body):
    """`token` is what the push service gave the app; sending it again changes nothing."""

    model_config = example(token="bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1", system="android")

    token: Annotated[str, Field(min_length=16, max_length=4096)]
    system: PhoneSystem


class Device(BaseModel):
    """`id` is for DELETE /devices/{id}, which an app calls before it signs out."""

    model_config = example(id="d1b54a32d192ed03")

    id: str


class Notification(BaseModel):
    """What a phone shows. No names and no message texts: it passes through others' servers and lock screens.

    `key` names the event, so that a repeated job shows once; `collapse` what replaces what on the phone.
    """

    key: str
    collapse: str
    title: str
    body: str
    data: dict[str, str]
