"""Somebody generates a client from the OpenAPI document, with a generator of others, and calls every operation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from reference_app.stack import LocalStack
from scenarios.people import MODERATOR_PHONE, otp_test_code, phone_of
from tests.reference_app.conftest import somebody_unused
from tests.reference_app.test_photos import jpeg

HERE = Path(__file__).parent / "client"


def run(*argv: str | Path, folder: Path, stdin: str = "", path: Path | None = None) -> str:
    environment = {**os.environ, "PATH": os.pathsep.join([*([str(path)] if path else []), os.environ["PATH"]])}
    done = subprocess.run(
        [str(part) for part in argv], cwd=folder, input=stdin, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_client_generated_from_the_document_does_everything(stack: LocalStack, tmp_path: Path) -> None:
    # An environment of its own: the generator and our command line want different versions of one package.
    run(sys.executable, "-m", "venv", "of-its-own", folder=tmp_path)
    theirs = tmp_path / "of-its-own" / "bin"
    run(theirs / "pip", "install", "--quiet", "-r", HERE / "requirements.txt", folder=tmp_path)
    (tmp_path / "openapi.json").write_text(httpx.get(f"{stack.host}/openapi.json").text)
    generate = ("generate", "--path", "openapi.json", "--output-path", "matchday_client", "--meta", "none")
    run(theirs / "openapi-python-client", *generate, "--fail-on-warning", folder=tmp_path, path=theirs)
    (tmp_path / "calls.py").write_text((HERE / "calls.py").read_text())
    (tmp_path / "photo.jpg").write_bytes(jpeg())

    def who(phone: str) -> tuple[str, str]:
        return phone, otp_test_code(stack.settings.otp_test_secret, phone)

    given = {
        "url": stack.host,
        "people": [who(phone_of(somebody_unused())) for _ in range(3)],
        "moderator": who(MODERATOR_PHONE),
        "picture": "photo.jpg",
    }
    said = json.loads(run(theirs / "python", "calls.py", folder=tmp_path, stdin=json.dumps(given)))
    print(f"\ngenerated client: {len(said['called'])} of {len(said['there_are'])} operations called")
    assert said["called"] == said["there_are"]
