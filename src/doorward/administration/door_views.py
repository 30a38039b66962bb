"""What is shown of doors: from the settings, the added doors, the processes that serve, and the reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from doorward.administration.operation import Administration, Result
from doorward.config.addresses import mcp_url
from doorward.config.model import Config, DoorSettings
from doorward.config.targets import spelled
from doorward.directory import added_doors
from doorward.directory.added_doors import Kept, placed
from doorward.errors import Problem
from doorward.records.doors import DoorExamination, ServedDoor, ServingProcess

_HIDES = "A door of this name was added by command too. The one of the settings is served."


class DoorView(Result, frozen=True, kw_only=True):
    """A door: where it is set, whether it is served, and what its newest examination came to."""

    name: str
    url: str
    source: str
    """`file` (or flags), or `command`. Empty: it is in no settings that are known here."""
    auth: str
    target: str
    state: str
    """`served`, `pending` (some process has not taken in the newest change), `failed` (some process could not start
    it), `hidden` (the settings have a door of this name), `draining`, or `stopped` (no process serves)."""
    reason: str
    """Why it is not served."""
    change: int
    """The number of the change that made it; 0 if it was not added by command."""
    examined_at: int | None
    findings: list[dict[str, Any]]
    """As `doorward check --json` prints them, in the order in which to fix them."""
    clients: dict[str, dict[str, Any]]


async def views(here: Administration) -> dict[str, DoorView]:
    """Return every door by its name. Raises `Unavailable`."""
    kept = await added_doors.load(here.store)
    processes = await added_doors.serving(here.store, here.clock.now())
    reports = {each.record.name: each.record for each in await here.store.find(DoorExamination)}
    found = _of_processes(processes, {each.name for each in kept.records})
    found.update(_of_settings(here.config, processes, found))
    for name, seen in _added(here.config, kept, processes):
        of_settings = found.get(name)
        if seen.state == "hidden" and of_settings is not None:
            found[name] = msgspec.structs.replace(of_settings, reason=_HIDES, change=seen.change)
        else:
            found[name] = seen
    for name, report in reports.items():
        seen = found.get(name) or _view(name, report.url, state="stopped")
        read = msgspec.json.decode(report.report)
        found[name] = msgspec.structs.replace(
            seen,
            url=seen.url or report.url,
            examined_at=report.examined_at,
            findings=read["findings"],
            clients=read["clients"],
        )
    return found


def _of_processes(processes: Sequence[ServingProcess], added: Collection[str]) -> dict[str, DoorView]:
    """Return the doors that some process has. One that was removed is still there in a process that has not seen it."""
    found: dict[str, DoorView] = {}
    for each in (door for process in processes for door in process.doors if door.state != "hidden"):
        state, reason = each.state, each.reason
        if state == "served" and each.source == "command" and each.name not in added:
            state, reason = "pending", "It was removed; some process has not taken that in yet."
        before = found.get(each.name)
        if before is None or before.state in {"served", "draining"}:
            found[each.name] = _view(each.name, each.url, **_known(each), state=state, reason=reason)
    return found


def _known(door: ServedDoor) -> dict[str, str]:
    return {"source": door.source, "auth": door.auth, "target": door.target}


def _of_settings(
    config: Config, processes: Sequence[ServingProcess], served: dict[str, DoorView]
) -> Iterable[tuple[str, DoorView]]:
    """Yield the doors of the settings that no process serves; a command without a file knows of none."""
    for door in config.doors:
        if door.target is not None and door.name not in served:
            state, reason = ("stopped", "No server runs here.")
            if processes:
                state, reason = (
                    "pending",
                    "The server has not taken over the settings: send it SIGHUP, or start it again.",
                )
            yield door.name, _described(config, door, state, reason)


def _added(config: Config, kept: Kept, processes: Sequence[ServingProcess]) -> Iterable[tuple[str, DoorView]]:
    """Yield the doors that were added by command, with the state that they have in the processes."""
    found = placed(config, kept.records)
    doors = {each.name: each for each in found.config.doors if each.source == "command"}
    for record in kept.records:
        has = [_in(process, record.name) for process in processes]
        state, reason = _state(record.change, processes, has, found.kept_out.get(record.name))
        served = next((each for each in has if each is not None and each.state == "served"), None)
        door = doors.get(record.name)
        if served is not None:  # a process knows the public URL, a command may not
            seen = _view(record.name, served.url, **_known(served), state=state, reason=reason)
        elif door is not None:
            seen = _described(config, door, state, reason)
        else:
            seen = _view(record.name, "", source="command", state=state, reason=reason)
        yield record.name, msgspec.structs.replace(seen, change=record.change)


def _in(process: ServingProcess, name: str) -> ServedDoor | None:
    """Return the door as a process has it; one that drains is there beside the one that has taken its place."""
    found = [each for each in process.doors if each.name == name and each.source == "command"]
    return min(found, key=lambda each: each.state == "draining", default=None)


def _state(
    change: int, processes: Sequence[ServingProcess], seen: list[ServedDoor | None], problem: Problem | None
) -> tuple[str, str]:
    if not processes:
        return "stopped", "No server runs here." if problem is None else problem.what
    if any(process.change < change for process in processes):
        return "pending", "Some process has not taken it in yet."
    bad = next((each for each in seen if each is not None and each.state in {"failed", "hidden"}), None)
    if bad is not None:
        return bad.state, bad.reason
    return ("served", "") if all(seen) else ("pending", "Some process has not taken it in yet.")


def _described(config: Config, door: DoorSettings, state: str, reason: str) -> DoorView:
    return _view(
        door.name,
        mcp_url(config, door),
        source="command" if door.source == "command" else "file",
        auth=door.auth,
        target="" if door.target is None else spelled(door.target),
        state=state,
        reason=reason,
    )


def _view(name: str, url: str, **known: str) -> DoorView:
    of_door = {"source": "", "auth": "", "target": "", "state": "", "reason": "", **known}
    return DoorView(name=name, url=url, change=0, examined_at=None, findings=[], clients={}, **of_door)
