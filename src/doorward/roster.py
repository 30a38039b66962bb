"""Which doors this process has: served, kept out or draining. Other processes and commands read it in the store.

The record is written when something changes and every half minute. It expires, so a process that was killed is not
taken for one that serves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from doorward.clock import Clock
from doorward.config.addresses import mcp_url
from doorward.config.model import Config, DoorSettings
from doorward.config.targets import spelled
from doorward.directory.added_doors import Kept
from doorward.door.door import McpDoor
from doorward.errors import Conflict, Problem, StorageError
from doorward.opening import Opened
from doorward.records.changes import Change, Delete, Insert, Replace
from doorward.records.doors import ServedDoor, ServingProcess
from doorward.storage.port import Store

LOGGER = logging.getLogger("doorward")
WRITE_SECONDS = 30
"""How often the record is written if nothing changes."""
EXPIRE_SECONDS = 100
"""So long after it was last written, the process counts as gone."""


class Roster:
    """The doors of one process."""

    def __init__(self, store: Store, clock: Clock, process_id: str) -> None:
        self._store, self._clock = store, clock
        self._process_id = process_id
        self.added = Kept(0, ())
        """The doors that were added by command, as this process last read them."""
        self.opened: Opened | None = None
        self.is_cut_off = False
        """The store could not answer when it was last asked."""
        self._leaving: dict[asyncio.Task[None], ServedDoor] = {}
        self._written: tuple[int, tuple[ServedDoor, ...]] | None = None
        self._written_at = 0

    @property
    def kept_out(self) -> Mapping[str, Problem]:
        """Why doors that were added are not served, by name."""
        return {} if self.opened is None else self.opened.kept_out

    async def tell(self) -> None:
        """Write which doors there are, if that has changed or was written long ago. Raises `StorageError`."""
        assert self.opened is not None
        number, doors = self.added.number, (*_described(self.opened), *self._leaving.values())
        now = self._clock.now()
        if self._written == (number, doors) and now < self._written_at + WRITE_SECONDS:
            return
        record = ServingProcess(
            process_id=self._process_id, change=number, doors=doors, expires_at=now + EXPIRE_SECONDS
        )
        before = await self._store.get(ServingProcess, self._process_id)
        change: Change = Insert(record) if before is None else Replace(record, before.version)
        await self._store.apply([change])
        self._written, self._written_at = (number, doors), now

    def must_write_soon(self, now: int) -> bool:
        """Return whether the record is about to be old."""
        return now >= self._written_at + WRITE_SECONDS

    async def leave(self, doors: Iterable[McpDoor], config: Config, seconds: float) -> None:
        """Take doors away. Those that nobody uses are stopped now, the others when their calls have ended."""
        settings = {each.name: each for each in config.doors}
        for door in doors:
            door.close()
            if door.is_idle:
                await door.stop()
                continue
            task = asyncio.create_task(_stopped(door, seconds), name=f"doorward-leave-{door.name}")
            self._leaving[task] = _seen(settings[door.name], config, "draining", "Its last calls are ending.")
            task.add_done_callback(self._leaving.pop)

    async def end(self) -> None:
        """Stop the doors that are leaving, and remove the record."""
        leaving = list(self._leaving)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        try:
            stored = await self._store.get(ServingProcess, self._process_id)
            if stored is not None:
                await self._store.apply([Delete(ServingProcess, self._process_id, stored.version)])
        except (StorageError, Conflict):
            return  # it expires
        self._written = None


async def _stopped(door: McpDoor, seconds: float) -> None:
    try:
        await door.stop(seconds)
    except Exception:
        LOGGER.exception("bug")


def _described(opened: Opened) -> Iterable[ServedDoor]:
    for door in opened.config.doors:
        yield _seen(door, opened.config, "served", "")
    for name, problem in opened.kept_out.items():
        reason = ". ".join(part.rstrip(".") for part in (problem.what, problem.why, problem.fix) if part)
        state = "hidden" if name in opened.hidden else "failed"
        yield ServedDoor(name=name, url="", source="command", auth="", target="", state=state, reason=reason)


def _seen(door: DoorSettings, config: Config, state: str, reason: str) -> ServedDoor:
    return ServedDoor(
        name=door.name,
        url=mcp_url(config, door),
        source="command" if door.source == "command" else "file",
        auth=door.auth,
        target="" if door.target is None else spelled(door.target),
        state=state,
        reason=reason,
    )
