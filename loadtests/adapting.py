"""Which backend is spoken to: the reference backend, or one of your own, by a file that --client names."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from loadtests.client import Api
from loadtests.wire import Frames
from scenarios.outcome import UsageError


@dataclass(frozen=True)
class Client:
    """How a backend is spoken to: its calls, and the frames of its socket (None where it has no socket)."""

    api: type[Api] = Api
    frames: type[Frames] | None = Frames


def load_client(file: str) -> Client:
    """The reference backend's client, or the one of a Python file: its class `Client` (an Api) and, unless it is None,
    `Socket` (a Frames).

    Raises UsageError when the file cannot be run, or lacks them.
    """
    if not file:
        return Client()
    path = Path(file)
    spec = importlib.util.spec_from_file_location("matchday_client_file", path)
    if not path.is_file() or not spec or not spec.loader:
        raise UsageError(f"--client {file}: there is no such Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"--client {file}: {type(error).__name__}: {error}") from error
    api, frames = getattr(module, "Client", None), getattr(module, "Socket", Frames)
    if not (isinstance(api, type) and issubclass(api, Api)):
        raise UsageError(f"--client {file}: it needs a class Client that is a subclass of loadtests.client.Api.")
    if frames is not None and not (isinstance(frames, type) and issubclass(frames, Frames)):
        raise UsageError(f"--client {file}: Socket must be a subclass of loadtests.wire.Frames, or None.")
    return Client(api, frames)
