"""Group commit: inserts that arrive while one is under way are one bulk write, and are acknowledged together.

The cost of replicating a write, and of waiting for the majority, is shared.
"""

from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteConcernError, WriteError

from reference_app.platform import metrics
from reference_app.platform.grouped import Grouped
from reference_app.platform.mongo import Database, Document

AT_ONCE_MAX = 500
_DUPLICATE_KEY = 11000


class GroupCommit:
    """Inserts into one collection."""

    def __init__(self, collection: AsyncCollection[Document], grouped: bool) -> None:
        self._collection = collection
        self._inserts = Grouped(self._insert, AT_ONCE_MAX) if grouped else None
        self._sizes = metrics.COMMIT_SIZE.labels(collection.name)

    async def insert_one(self, document: Document) -> None:
        """Returns when it is on the majority. Raises what the collection's own `insert_one` raises."""
        if self._inserts:
            await self._inserts.ask(document)
        else:
            await self._collection.insert_one(document)
            self._sizes.observe(1)

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        if self._inserts:
            await self._inserts.drain()

    async def _insert(self, documents: Sequence[Document]) -> Sequence[Exception | None]:
        """For each document what went wrong, or None."""
        self._sizes.observe(len(documents))
        try:
            await self._collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return _by_document(error.details, len(documents))
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
