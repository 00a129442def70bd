"""Who brings notifications to phones: FCM in production; elsewhere the log says what would have gone out."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
from anyio import to_thread

from reference_app.push.schemas import Notification
from reference_app.settings import Settings

log = logging.getLogger(__name__)
TIMEOUT_S = 10
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


class Gone(Exception):
    """The app is no longer on that phone: its token is of no more use."""


class PushProvider(Protocol):
    async def send(self, token: str, notification: Notification) -> None:
        """Bring it to one phone. Raises Gone; anything else that it raises means: try again later."""


class LogProvider:
    """Sends nothing. The token stays out of the log: whoever has it can write to the phone."""

    async def send(self, token: str, notification: Notification) -> None:
        log.info("push", extra={"key": notification.key, "title": notification.title})


class FcmProvider:
    """Firebase Cloud Messaging, HTTP v1. `access_token` gives a fresh OAuth2 token; it may block."""

    def __init__(self, http: httpx.AsyncClient, project: str, access_token: Callable[[], str]) -> None:
        self._http, self._access_token = http, access_token
        self._path = f"/v1/projects/{project}/messages:send"

    async def send(self, token: str, notification: Notification) -> None:
        headers = {"Authorization": f"Bearer {await to_thread.run_sync(self._access_token)}"}
        answer = await self._http.post(self._path, json={"message": message(token, notification)}, headers=headers)
        if answer.is_error and _of_no_use(answer):
            raise Gone
        answer.raise_for_status()


def _of_no_use(answer: httpx.Response) -> bool:
    """Whether FCM says that it is the phone's token: not that we are wrong, nor that it is down itself.

    https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
    """
    try:
        details = answer.json()["error"].get("details", [])
        codes = {detail.get("errorCode") for detail in details}
        fields = {violation.get("field") for detail in details for violation in detail.get("fieldViolations", [])}
    except (ValueError, KeyError, TypeError, AttributeError):  # not FCM: a proxy, or a wrong URL
        return False
    return "UNREGISTERED" in codes or "message.token" in fields


def message(token: str, notification: Notification) -> dict[str, Any]:
    """The `message` of FCM's HTTP v1 API."""
    return {
        "token": token,
        "notification": {"title": notification.title, "body": notification.body},
        "data": notification.data,
        "android": {
            "priority": "HIGH",
            "collapse_key": notification.collapse,
            "notification": {"tag": notification.collapse},
        },
        "apns": {"headers": {"apns-priority": "10", "apns-collapse-id": notification.collapse}},
    }


@asynccontextmanager
async def provider(settings: Settings) -> AsyncIterator[PushProvider]:
    if settings.push_provider == "log":
        yield LogProvider()
        return
    account = _service_account(settings)
    async with httpx.AsyncClient(base_url=settings.fcm_base_url, timeout=TIMEOUT_S) as http:
        yield FcmProvider(http, account["project_id"], _google_tokens(account))


def _service_account(settings: Settings) -> dict[str, str]:
    account: dict[str, str] = json.loads(Path(settings.fcm_credentials_file).read_text())
    return account


def _google_tokens(account: dict[str, str]) -> Callable[[], str]:
    """Access tokens of a service account, renewed when they are about to expire."""
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    credentials: Any = Credentials.from_service_account_info(account, scopes=[_SCOPE])  # type: ignore[no-untyped-call]

    def token() -> str:
        if not credentials.valid:
            credentials.refresh(Request())
        return str(credentials.token)

    return token
