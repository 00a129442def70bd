"""Group commit: inserts that arrive while one is under way go together in the next, and are acknowledged together.

No insert waits for a clock: with nothing under way it goes at once, so a quiet system is as fast as without. The more
arrive, the larger the groups: the cost of replicating a write, and of waiting for the majority, is shared.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteConcernError, WriteError

from reference_app.platform import metrics
from reference_app.platform.mongo import Database, Document

AT_ONCE_MAX = 500
_DUPLICATE_KEY = 11000


class GroupCommit:
    """Inserts into one collection."""

    def __init__(self, collection: AsyncCollection[Document], grouped: bool) -> None:
        self._collection, self._grouped = collection, grouped
        self._waiting: list[tuple[Document, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._sizes = metrics.COMMIT_SIZE.labels(collection.name)

    async def insert_one(self, document: Document) -> None:
        """Returns when it is on the majority. Raises what the collection's own `insert_one` raises."""
        if not self._grouped:
            await self._collection.insert_one(document)
            self._sizes.observe(1)
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((document, done))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        await done

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        if self._committing:
            await self._committing

    async def _commit(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:AT_ONCE_MAX], self._waiting[AT_ONCE_MAX:]
                outcome = await self._outcome([document for document, _ in group])
                self._sizes.observe(len(group))
                for (_, done), error in zip(group, outcome, strict=True):
                    if done.done():  # whoever waited has been cancelled
                        continue
                    if error:
                        done.set_exception(error)
                    else:
                        done.set_result(None)
        finally:
            self._committing = None

    async def _outcome(self, documents: Sequence[Document]) -> Sequence[Exception | None]:
        """For each document what went wrong, or None."""
        try:
            await self._collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return _by_document(error.details, len(documents))
        except Exception as error:  # it concerns them all: no primary, no answer in time
            return [error] * len(documents)
        return [None] * len(documents)


def _by_document(details: Any, count: int) -> Sequence[Exception | None]:
    if concern := details.get("writeConcernErrors"):
        # Not on the majority: nobody may be told that it is, nor that an earlier one of theirs is.
        return [WriteConcernError(concern[-1]["errmsg"], concern[-1]["code"], concern[-1])] * count
    outcome: list[Exception | None] = [None] * count
    for problem in details["writeErrors"]:
        kind = DuplicateKeyError if problem["code"] == _DUPLICATE_KEY else WriteError
        # Without the document itself, which would be part of the error's text, and so of a log.
        known = {name: value for name, value in problem.items() if name != "op"}
        outcome[problem["index"]] = kind(problem["errmsg"], problem["code"], known)
    return outcome


class Commits:
    """The group commits of one process, one a collection."""

    def __init__(self, db: Database, grouped: bool) -> None:
        self.swipes = GroupCommit(db.swipes, grouped)
        self.messages = GroupCommit(db.messages, grouped)

    async def drain(self) -> None:
        await self.swipes.drain()
        await self.messages.drain()
