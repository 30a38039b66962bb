"""Stores around the real one: each passes everything on, but for the one thing it is there to break.

They are composed in the launcher only; `doorward` knows nothing of them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from judge.stage import Stage

from doorward.errors import Unavailable
from doorward.records.changes import Change, Stored
from doorward.records.record import Record
from doorward.storage.port import Listed, Store


class Passing:
    """A store that passes everything on."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    async def open(self) -> None:
        await self.inner.open()

    async def close(self) -> None:
        await self.inner.close()

    async def get(self, record_type: type[Any], key: str) -> Stored[Any] | None:
        return await self.inner.get(record_type, key)

    async def find(self, record_type: type[Any], **index: str) -> list[Stored[Any]]:
        return await self.inner.find(record_type, **index)

    async def page(self, record_type: type[Any], **asked: Any) -> list[Listed[Any]]:
        return await self.inner.page(record_type, **asked)

    async def apply(self, changes: Sequence[Change]) -> None:
        await self.inner.apply(changes)

    async def purge(self, before: int) -> int:
        return await self.inner.purge(before)


class Unsteady(Passing):
    """Fails as the stage says: altogether, at reads, at writes before they are made, or after they were made."""

    def __init__(self, inner: Store, stage: Stage) -> None:
        super().__init__(inner)
        self.stage = stage

    async def get(self, record_type: type[Any], key: str) -> Stored[Any] | None:
        self._fail({"down", "reads"})
        return await super().get(record_type, key)

    async def find(self, record_type: type[Any], **index: str) -> list[Stored[Any]]:
        self._fail({"down", "reads"})
        return await super().find(record_type, **index)

    async def page(self, record_type: type[Any], **asked: Any) -> list[Listed[Any]]:
        self._fail({"down", "reads"})
        return await super().page(record_type, **asked)

    async def apply(self, changes: Sequence[Change]) -> None:
        self._fail({"down", "before"})
        await super().apply(changes)
        # The commit whose outcome the program never learns.
        self._fail({"after"})

    def _fail(self, faults: set[str]) -> None:
        if self.stage.store_fault in faults:
            raise Unavailable("the judge has taken the store away")


@dataclass
class Death:
    """Where in a request this process kills itself: `load`, `statement-N`, `committed`, `reply`, `half`, `replied`."""

    path: str = ""
    point: str = ""
    armed: bool = False
    statements: int = 0

    def at(self, point: str) -> None:
        """Die if this is the place."""
        if self.armed and self.point == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def at_statement(self, _sql: str) -> None:
        """Count the statements of the armed request and die before the chosen one."""
        if self.armed:
            self.statements += 1
            self.at(f"statement-{self.statements}")


class Mortal(Passing):
    """Kills its own process at a fixed point of the armed request."""

    def __init__(self, inner: Store, death: Death) -> None:
        super().__init__(inner)
        self.death = death

    async def open(self) -> None:
        await super().open()
        writer = getattr(self.inner, "_writer", None)
        if writer is not None:
            writer._connection.set_trace_callback(self.death.at_statement)

    async def get(self, record_type: type[Record], key: str) -> Stored[Any] | None:
        self.death.at("load")
        return await super().get(record_type, key)

    async def apply(self, changes: Sequence[Change]) -> None:
        await super().apply(changes)
        self.death.at("committed")
