"""The jobs that requests leave to the worker. Each may come twice and must do no harm then."""

from enum import StrEnum
from typing import Any


class Job(StrEnum):
    PROCESS_PHOTO = "process_photo"
    ERASE_PHOTO = "erase_photo"
    ERASE_FILES = "erase_files"  # of a photo
    ERASE_ACCOUNT = "erase_account"
    PUSH = "push"

    def __call__(self, **arguments: Any) -> dict[str, Any]:
        """The message for the queue."""
        return {"job": self.value, **arguments}
