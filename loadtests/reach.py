"""How a backend is reached: headers, certificates, patience. What a scenario's [connection] says, made ready."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarios.outcome import UsageError
from scenarios.schema import Connection
from scenarios.texts import shown

_FROM_ENVIRONMENT = "env:"
VARIABLES = "MATCHDAY_HEADER_"
_NOT_OURS = {"host", "connection", "content-length", "transfer-encoding", "upgrade"}


@dataclass(frozen=True)
class Reach:
    """`context` is None where certificates are not looked at, as in Locust's own sessions."""

    headers: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    connect_timeout_s: float = 10.0
    answer_timeout_s: float = 30.0

    @classmethod
    def of(cls, connection: Connection) -> "Reach":
        """Raises UsageError for a variable that is not set and for certificates that cannot be read."""
        headers = {name: _value(name, value) for name, value in connection.headers.items()}
        context = None
        if connection.verify_tls or connection.ca_file:
            if connection.ca_file and not Path(connection.ca_file).is_file():
                raise UsageError(f"connection.ca_file: there is no file {connection.ca_file}.")
            try:
                context = ssl.create_default_context(cafile=connection.ca_file or None)
            except (ssl.SSLError, OSError) as error:
                raise UsageError(f"connection.ca_file: {connection.ca_file} holds no certificates: {error}.") from error
        return cls(headers, context, connection.connect_timeout_s, connection.answer_timeout_s)

    def tls(self, origin: str) -> dict[str, Any]:
        """For geventhttpclient."""
        if not origin.startswith("https:") or self.context is None:
            return {"insecure": True}
        context = self.context
        return {"ssl_context_factory": lambda: context}

    @property
    def socket_tls(self) -> dict[str, Any]:
        """For websocket-client."""
        return {"context": self.context} if self.context else {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}


def _value(name: str, value: str) -> str:
    if name.lower() in _NOT_OURS:
        raise UsageError(f"connection.headers.{name}: this header says where and how a request goes; leave it out.")
    if not value.startswith(_FROM_ENVIRONMENT):
        return value
    variable = value.removeprefix(_FROM_ENVIRONMENT)
    if not variable.startswith(VARIABLES):
        raise UsageError(
            f"connection.headers.{name}: only variables whose name begins with {VARIABLES} are sent, for a scenario "
            f"may come from somebody else; got {shown(variable)}."
        )
    if variable not in os.environ:
        raise UsageError(f"connection.headers.{name}: the variable {variable} is not set.")
    return os.environ[variable]
