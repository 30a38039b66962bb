"""How a command runs an operation of the catalogue, with audit log and caller."""

from __future__ import annotations

import os
import pwd
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from doorward.cli.installation import Place, work

if TYPE_CHECKING:
    from doorward.administration.operation import Administration, Operation
    from doorward.installation import Installation

P = TypeVar("P", bound="Any")
R = TypeVar("R", bound="Any")
T = TypeVar("T")


def perform(place: Place, operation: Operation[P, R], parameters: P, *, creates: bool = False) -> R:
    """Run one operation.

    Raises:
        ConfigError, StartError, Unavailable: as the settings, the store and the operation do.
    """
    from doorward.administration.operation import run

    async def asked(administration: Administration) -> R:
        return await run(operation, administration, parameters)

    return work(place, lambda here: administered(here, asked), creates=creates)


def every(place: Place, operation: Operation[P, Any], parameters: P) -> list[dict[str, Any]]:
    """Return every item of a list in JSON form, over all pages."""
    import msgspec

    from doorward.administration.listing import PAGE_LIMIT
    from doorward.administration.operation import run

    async def pages(administration: Administration) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        asked = msgspec.structs.replace(parameters, limit=PAGE_LIMIT)
        while True:
            page = await run(operation, administration, asked)
            items += msgspec.to_builtins(page.items)
            if page.next_cursor is None:
                return items
            asked = msgspec.structs.replace(asked, cursor=page.next_cursor)

    return work(place, lambda here: administered(here, pages))


async def administered(here: Installation, asked: Callable[[Administration], Awaitable[T]]) -> T:
    """Run something with all capabilities: an operator who can read the database and the keys has them anyway."""
    from doorward.administration.operation import Administration
    from doorward.audit.log import Origin, origin

    origin.set(Origin(here.audit, actor=f"cli:{_account()}"))
    return await asked(Administration.of(await here.with_added_doors()))


def _account() -> str:
    """Return the name of the system account that runs the command."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, the account may have only a number
        return str(os.getuid())
