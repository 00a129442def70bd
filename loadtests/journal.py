"""What the backend has acknowledged, one JSON object a line: to be compared with what it has kept after a fault.

`--journal FOLDER` (or MATCHDAY_JOURNAL) writes it, each generator process a file of its own. `at` is seconds since the
epoch; `what` is swipe (swiper, target, like), match (match_id) or message (match_id, sender, id, seq).
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from uuid import uuid4


class Journal:
    """Without a folder it forgets everything."""

    def __init__(self, folder: Path | None) -> None:
        self._file: IO[str] | None = None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            # Line by line: what was acknowledged must be known even if this process dies next.
            self._file = (folder / f"{uuid4().hex}.jsonl").open("a", buffering=1)

    def note(self, what: str, **facts: Any) -> None:
        if self._file:
            self._file.write(json.dumps({"at": time.time(), "what": what, **facts}) + "\n")


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """All entries of all processes, each process in its order."""
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            yield json.loads(line)
