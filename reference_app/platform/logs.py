"""Logs: a JSON object a line, with the id of the request that a line belongs to. Errors also go to Sentry, if wanted.

What must not be in a log is kept out where it is logged: message texts never get there. Phone numbers and tokens are
looked for once more on the way out, for they may be part of somebody else's error message.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from reference_app.settings import Settings

# Phone numbers as E.164; session tokens (43 characters of base64url); what follows "Bearer".
_SECRETS = re.compile(r"\+[1-9]\d{6,14}\b|(?<![\w-])[\w-]{43}(?![\w-])|(?<=Bearer )\S+")
_HIDDEN = "[hidden]"


def configure(settings: Settings, process: str) -> None:
    """For the entry points: everything that is logged, by us or by a library, leaves in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                lambda _, __, event: {"process": process, **event},
                _hide,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    # What uvicorn (0.54) says of a handshake that we have refused; anybody could fill the log with it.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "without completing handshake" not in str(record.msg))
    for chatty in ("httpx", "botocore", "google"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if settings.sentry_dsn:
        import sentry_sdk  # not above: 9 MB for each process, and most have no use for it

        sentry_sdk.init(
            settings.sentry_dsn,
            environment=settings.environment,
            server_name=process,
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            before_send=lambda event, _: hidden(event),
        )


def hidden(value: Any) -> Any:
    """The same without phone numbers and tokens, however deep they are."""
    if isinstance(value, str):
        return _SECRETS.sub(_HIDDEN, value)
    if isinstance(value, dict):
        return {key: hidden(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(inner) for inner in value]
    return value


def _hide(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    found: EventDict = hidden(dict(event))
    return found
