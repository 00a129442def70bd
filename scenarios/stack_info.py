"""What a running stack tells those who measure it: where it listens and which processes are which station."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from scenarios.outcome import UsageError

STACK_VARIABLE = "MATCHDAY_STACK"


class Station(BaseModel):
    """One station: its processes and the CPU cores that they can use at most."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pids: tuple[int, ...]
    cores: float


class QueueInfo(BaseModel):
    """The SQS queue whose backlog is watched. Without keys boto3's usual places serve."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    region: str
    endpoint_url: str | None
    access_key_id: str | None
    secret_access_key: str | None


class StackInfo(BaseModel):
    """A running stack. URLs of servers that are not ours to watch may be missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    stations: dict[str, Station]
    mongo_url: str | None = None
    redis_url: str | None = None
    queue: QueueInfo | None = None
    metrics_urls: tuple[str, ...] = ()
    otp_test_secret: str | None = None

    def write(self, path: Path) -> None:
        path.write_text(self.model_dump_json(indent=2))
        path.chmod(0o600)  # it holds the secret of the test sender

    @classmethod
    def read(cls, path: Path) -> "StackInfo":
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise UsageError(f"Cannot read the stack file {path}: {error.strerror}.") from error
        except ValidationError as error:
            raise UsageError(f"{path} is not a stack file that `matchday up` wrote.") from error
