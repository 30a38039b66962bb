"""Operations on doors: the results of each door's last self-examination from outside."""

from __future__ import annotations

from typing import Any

import msgspec

from doorward.administration.listing import Cursor, Limit, Page, page_of
from doorward.administration.operation import Administration, Operation, Parameters, Result
from doorward.config.faults import shown
from doorward.errors import NotFound, Problem
from doorward.records.doors import DoorExamination


class DoorView(Result, frozen=True, kw_only=True):
    """A door, and the result of its latest examination."""

    name: str
    url: str
    examined_at: int
    findings: list[dict[str, Any]]
    """As `doorward check --json` prints them, in the order to fix them."""
    clients: dict[str, dict[str, Any]]


class ListDoors(Parameters, frozen=True, kw_only=True):
    """The page to list."""

    limit: Limit = 50
    cursor: Cursor | None = None


class ShowDoor(Parameters, frozen=True, kw_only=True):
    """The door to show."""

    name: str


async def list_(here: Administration, asked: ListDoors) -> Page[DoorView]:
    """List the doors that were opened."""
    return await page_of(here.store, DoorExamination, _view, asked)


async def show(here: Administration, asked: ShowDoor) -> DoorView:
    """Show one door. Raises `NotFound`."""
    stored = await here.store.get(DoorExamination, asked.name.strip("/"))
    if stored is None:
        known = ", ".join(each.record.name for each in await here.store.find(DoorExamination))
        why = f"There are: {known}." if known else "No door has examined itself yet; each does so when it opens."
        raise NotFound([Problem(f"there is no door {shown(asked.name)}", why, "List them: doorward doors list")])
    return _view(stored.record)


def _view(record: DoorExamination) -> DoorView:
    report = msgspec.json.decode(record.report)
    return DoorView(
        name=record.name,
        url=record.url,
        examined_at=record.examined_at,
        findings=report["findings"],
        clients=report["clients"],
    )


LIST = Operation(
    name="doors.list",
    summary="List the doors, with the results of their last self-examination from outside.",
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
    summary="Show the results of a door's last self-examination from outside.",
    method="GET",
    path="/doors/{name}",
    capability="admin:read",
    parameters=ShowDoor,
    result=DoorView,
    function=show,
    commands=(("doors", "show"),),
)
OPERATIONS = (LIST, SHOW)
