"""The servers behind the doors: made from the settings, started together, and ended.

A door of the settings that cannot be opened is the operator's mistake, and nothing changes. A door that was added by
command is left out instead, with the reason: it must not keep the others from being served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol

from doorward.config.addresses import issuer_of
from doorward.config.model import Config, DoorSettings
from doorward.directory.added_doors import placed
from doorward.errors import ConfigError, Problem, StartError
from doorward.paths import host_of
from doorward.records.doors import AddedDoor
from doorward.upstreams.configured import upstream_for
from doorward.upstreams.port import Upstream

LOGGER = logging.getLogger("doorward")
START_SECONDS = 15.0
"""How long the server behind an added door may take to start."""

Standing = Mapping[str, tuple[DoorSettings, Upstream]]
"""By name, each door that is open, and its server."""


class Stops(Protocol):
    """What is ended once: a door or an upstream."""

    async def stop(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The doors that are open, and why others are not."""

    config: Config
    upstreams: tuple[Upstream, ...]
    """In the order of `config.doors`."""
    started: tuple[Upstream, ...] = ()
    """Those that were not open before."""
    kept_out: Mapping[str, Problem] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()


def upstreams_for(config: Config, app: object, made: Upstream | None) -> tuple[Upstream, ...]:
    """Return the upstream of each door.

    Raises:
        ConfigError, StartError: as for `upstream_for`; or a server is given, but the settings have several doors.
    """
    if (app is not None or made is not None) and len(config.doors) > 1:
        raise ConfigError([_NO_DOOR_FOR_IT])
    host = host_of(issuer_of(config))
    return tuple(_upstream(each, config, host, app, made) for each in config.doors)


async def open_doors(own: Config, records: Sequence[AddedDoor], standing: Standing, *, running: bool) -> Opened:
    """Open the doors of the settings and the added ones. `running`: the servers of standing doors have started.

    Raises:
        ConfigError, StartError: a door of the settings cannot be opened; nothing that is new here runs any more.
    """
    found = placed(own, records)
    config, kept_out = found.config, dict(found.kept_out)
    upstreams: dict[str, Upstream] = {}
    new: dict[str, DoorSettings] = {}
    for door in config.doors:
        before = standing.get(door.name)
        if before is not None and before[0] == door:
            upstreams[door.name] = before[1]
            if running:
                continue
        else:
            try:
                upstreams[door.name] = _upstream(door, own, host_of(issuer_of(config)))
            except (ConfigError, StartError) as error:
                if door.source != "command":
                    raise
                kept_out[door.name] = _problem(error)
                continue
        new[door.name] = door
    started = {name: upstreams[name] for name in new}
    kept_out.update(await _start(own, new, started))
    open_ones = tuple(each for each in config.doors if each.name not in kept_out)
    return Opened(
        config=replace(config, doors=open_ones),
        upstreams=tuple(upstreams[each.name] for each in open_ones),
        started=tuple(each for name, each in started.items() if name not in kept_out),
        kept_out=kept_out,
        hidden=found.hidden,
    )


async def _start(
    own: Config, doors: Mapping[str, DoorSettings], upstreams: Mapping[str, Upstream]
) -> dict[str, Problem]:
    """Start servers, all at once; return why those of added doors cannot. Raises what another one raised."""
    kept_out: dict[str, Problem] = {}
    starting = (_start_one(doors[name], each) for name, each in upstreams.items())
    outcomes = dict(zip(upstreams, await asyncio.gather(*starting, return_exceptions=True), strict=True))
    for name, outcome in outcomes.items():
        if outcome is None:
            continue
        if doors[name].source == "command" and isinstance(outcome, Exception):
            kept_out[name] = _problem(outcome)
            await stop_all([upstreams[name]])
            continue
        await stop_all(upstreams.values())
        raise _of_door(doors[name], own, outcome) if isinstance(outcome, StartError) else outcome
    return kept_out


async def _start_one(door: DoorSettings, upstream: Upstream) -> None:
    if door.source != "command":
        await upstream.start()
        return
    try:
        async with asyncio.timeout(START_SECONDS):
            await upstream.start()
    except TimeoutError:
        what = f"the server has not started within {START_SECONDS:.0f} seconds"
        raise StartError(Problem(what, fix="See what it waits for.")) from None


def _problem(error: Exception) -> Problem:
    if isinstance(error, StartError):
        return error.problem
    if isinstance(error, ConfigError):
        return error.problems[0]
    LOGGER.error("bug", exc_info=error)
    return Problem("the server could not be started, by a fault that is in the log")


async def stop_all(parts: Iterable[Stops]) -> None:
    """Stop all of them; whatever one raises does not keep the rest from stopping."""
    async with AsyncExitStack() as ending:
        for each in parts:
            ending.push_async_callback(each.stop)


def _upstream(
    door: DoorSettings, config: Config, host: str, app: object = None, made: Upstream | None = None
) -> Upstream:
    try:
        return upstream_for(door, app, made, public_host=host)
    except StartError as error:
        raise _of_door(door, config, error) from None


def _of_door(door: DoorSettings, config: Config, error: StartError) -> StartError:
    """Return the error with the name of the door that it is about, if there are several."""
    if len(config.doors) == 1:
        return error
    return StartError(replace(error.problem, what=f"door {door.name}: {error.problem.what}"))


_NO_DOOR_FOR_IT = Problem(
    "a server is given, but the settings have several doors",
    "Nothing says which of the doors it belongs to.",
    "Name the server as the `target` of its door, in the table [doors.NAME].",
)
