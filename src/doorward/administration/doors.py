"""Operations on doors: list and show them, and add, change and remove those that are not in the settings file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import msgspec

from doorward.administration.door_views import DoorView, views
from doorward.administration.listing import Cursor, Limit, Page, cursor_after, read_cursor
from doorward.administration.operation import Administration, Operation, Parameters, Result
from doorward.config.faults import Fault, shown, suggestion
from doorward.config.model import Config, UrlTarget
from doorward.config.targets import parse_target
from doorward.directory import added_doors, removed_doors
from doorward.errors import ConfigError, NotFound, Problem
from doorward.storage.port import Place

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class ListDoors(Parameters, frozen=True, kw_only=True):
    """Which page."""

    limit: Limit = 50
    cursor: Cursor | None = None


class OneDoor(Parameters, frozen=True, kw_only=True):
    """Which door."""

    name: Name


class DoorTable(Parameters, frozen=True, kw_only=True):
    """Settings of a door; one that is left out keeps its value, or its default if the door is new."""

    target: str | tuple[str, ...] | None = None
    """As on the command line; several words are a command."""
    path: str | None = None
    """The path of the door. Default: `/NAME/mcp`."""
    auth: str | None = None
    """`oauth`, `token` or `none`. Default: `oauth`."""
    scopes: tuple[str, ...] | None = None
    """The scopes that every call needs."""
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    """Further settings of the door, by the key that they have in a file. Null takes one away."""


class AddDoor(DoorTable, frozen=True, kw_only=True):
    """A door to add."""

    name: Name


class UpdateDoor(DoorTable, frozen=True, kw_only=True):
    """An added door to change."""

    name: Name


class DoorChange(Result, frozen=True, kw_only=True):
    """A change that every process that serves takes in within a second or two."""

    name: str
    url: str
    """Empty if the door was removed."""
    change: int
    """The number of the change; `doors show` names the last one that every process has taken in."""


async def list_(here: Administration, asked: ListDoors) -> Page[DoorView]:
    """List the doors: those of the settings, those that were added, and those that a process serves."""
    found = await views(here)
    after = "" if asked.cursor is None else read_cursor(asked.cursor).key
    names = [name for name in sorted(found) if name > after]
    chosen = names[: asked.limit]
    following = cursor_after(Place(0, chosen[-1])) if len(names) > len(chosen) else None
    return Page(items=[found[name] for name in chosen], next_cursor=following)


async def show(here: Administration, asked: OneDoor) -> DoorView:
    """Show one door. Raises `NotFound` where there is none of that name."""
    found, name = await views(here), asked.name.strip("/")
    if name not in found:
        near = suggestion(name, found)
        why = f"There are: {', '.join(sorted(found))}." if found else "No door has been opened or added yet."
        fix = f"Did you mean {near}?" if near else "List them: doorward doors list"
        raise NotFound([Problem(f"there is no door {shown(asked.name)}", why, fix)])
    return found[name]


async def add(here: Administration, asked: AddDoor) -> DoorChange:
    """Add a door; every process that serves opens it within a second or two.

    Raises:
        ConfigError, AlreadyExists: what is wrong with it.
        NotAllowed: it starts a program, or reads a file, and its maker may not.
    """
    table, allowed = _table(asked), partial(_require_rights, here)
    number = await added_doors.add(here.store, here.clock, here.config, asked.name, table, allowed=allowed)
    return await _changed(here, asked.name, number)


async def update(here: Administration, asked: UpdateDoor) -> DoorChange:
    """Change an added door. Raises as `add` does, and `NotFound`."""
    table, allowed = _table(asked), partial(_require_rights, here)
    number = await added_doors.update(here.store, here.config, asked.name, table, allowed=allowed)
    return await _changed(here, asked.name, number)


async def remove(here: Administration, asked: OneDoor) -> DoorChange:
    """Remove an added door: new requests get 404, and calls under way have `drain_seconds` to end.

    Its grants, consents and header tokens end with it.
    """
    found = (await views(here)).get(asked.name)
    # A door of the settings that has the name too keeps what is its own.
    url = found.url if found and found.source == "command" and found.state != "hidden" else ""
    end = partial(removed_doors.end_all_of, here.store, here.clock, name=asked.name, url=url)
    await end()  # before it too, so that a process that dies between the two leaves hardly anything
    number = await added_doors.remove(here.store, here.config, asked.name)
    await end()
    return DoorChange(name=asked.name, url="", change=number)


async def _changed(here: Administration, name: str, number: int) -> DoorChange:
    return DoorChange(name=name, url=await _url(here, name), change=number)


async def _url(here: Administration, name: str) -> str:
    found = (await views(here)).get(name)
    return "" if found is None else found.url


def _require_rights(here: Administration, table: Mapping[str, Any]) -> None:
    """Refuse a door that a maker with fewer rights may not have. Raises `NotAllowed`."""
    if any(key.endswith("_file") for key in table):
        here.require("admin:programs", to="a door that reads a file of the server")
    target = table.get("target")
    if target is not None and not _is_url(target, here.config):
        here.require("admin:programs", to="a door that runs a program on the server")


def _table(asked: DoorTable) -> Mapping[str, Any]:
    """Return the settings as a table of a file. Raises `ConfigError`."""
    given = {"target": asked.target, "path": asked.path, "auth": asked.auth, "scopes": asked.scopes}
    table: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    twice = table.keys() & asked.settings.keys()
    if twice:
        raise ConfigError([Problem(f"{min(twice)} is given twice", fix="Leave it out of the further settings.")])
    table.update(asked.settings)
    if table.get("upstream_headers") is not None:
        why = "They hold credentials, and the settings of an added door are kept in the database as they are."
        fix = "Write them into a file on each node, and name it: upstream_headers_file"
        raise ConfigError([Problem("upstream_headers cannot be given here", why, fix)])
    return {key: list(value) if isinstance(value, tuple) else value for key, value in table.items()}


def _is_url(target: Any, config: Config) -> bool:
    try:
        return isinstance(target, str) and isinstance(parse_target(target, config.data_dir.parent), UrlTarget)
    except Fault:
        return False


LIST = Operation(
    name="doors.list",
    summary="List the doors, where each is set, whether it is served, and what it found when it looked at itself.",
    method="GET",
    path="/doors",
    capability="admin:read",
    parameters=ListDoors,
    result=Page[DoorView],
    function=list_,
    commands=(("doors", "list"),),
)
SHOW = Operation(
    name="doors.show",
    summary="Show a door: where it is set, whether it is served, and what it found when it looked at itself.",
    method="GET",
    path="/doors/{name}",
    capability="admin:read",
    parameters=OneDoor,
    result=DoorView,
    function=show,
    commands=(("doors", "show"),),
)
ADD = Operation(
    name="doors.add",
    summary="Add a door while the server runs. One that starts a program or reads a file takes admin:programs too.",
    method="POST",
    path="/doors",
    capability="admin:doors",
    parameters=AddDoor,
    result=DoorChange,
    function=add,
    commands=(("doors", "add"),),
    status=201,
)
UPDATE = Operation(
    name="doors.update",
    summary="Change a door that was added. Its calls end as when it is removed, and new ones go to the changed one.",
    method="PUT",
    path="/doors/{name}",
    capability="admin:doors",
    parameters=UpdateDoor,
    result=DoorChange,
    function=update,
    commands=(("doors", "update"),),
    is_known=added_doors.is_added,
)
REMOVE = Operation(
    name="doors.remove",
    summary="Remove a door that was added: new requests get 404, calls under way may end, other doors notice nothing.",
    method="DELETE",
    path="/doors/{name}",
    capability="admin:doors",
    parameters=OneDoor,
    result=DoorChange,
    function=remove,
    commands=(("doors", "remove"),),
    is_known=added_doors.is_added,
)
OPERATIONS = (LIST, SHOW, ADD, UPDATE, REMOVE)
