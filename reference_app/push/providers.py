"""Who brings notifications to phones: FCM in production; elsewhere the log says what would have gone out."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import httpx
from anyio import to_thread

from reference_app.push.schemas import Notification
from reference_app.settings import Settings

log = logging.getLogger(__name__)
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

    def __init__(self, base_url: str, project: str, access_token: Callable[[], str]) -> None:
        self._url = f"{base_url}/v1/projects/{project}/messages:send"
        self._access_token = access_token

    async def send(self, token: str, notification: Notification) -> None:
        headers = {"Authorization": f"Bearer {await to_thread.run_sync(self._access_token)}"}
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.post(self._url, json={"message": message(token, notification)}, headers=headers)
        if answer.status_code == 404 or "UNREGISTERED" in answer.text:
            raise Gone
        answer.raise_for_status()


def message(token: str, notification: Notification) -> dict[str, Any]:
    """The `message` of FCM's HTTP v1 API."""
    return {
        "token": token,
        "notification": {"title": notification.title, "body": notification.body},
        "data": notification.data,
        "android": {"priority": "HIGH", "collapse_key": notification.collapse},
        "apns": {"headers": {"apns-priority": "10", "apns-collapse-id": notification.collapse}},
    }


def provider(settings: Settings) -> PushProvider:
    if settings.push_provider == "log":
        return LogProvider()
    account = json.loads(Path(settings.fcm_credentials_file).read_text())
    return FcmProvider(settings.fcm_base_url, account["project_id"], _google_tokens(account))


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
