"""Reloads a changed settings file while the server runs, on SIGHUP.

A file with a fault is ignored, and the log says what is wrong. Only the file's doors are reloaded.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from multiprocessing.connection import Connection

from doorward.app import Door
from doorward.cli.self_check import look
from doorward.config.doors import with_doors_of
from doorward.config.model import Config
from doorward.errors import ConfigError, StartError, StorageError
from doorward.logs import log

LOGGER = logging.getLogger("doorward")

Load = Callable[[], Config]
"""Loads the settings again. Raises `ConfigError`."""


def with_running(running: Config, load: Load) -> Load:
    """Return a loader of the doors, which logs other changed settings: they need a restart."""
    others = [each.name for each in fields(Config) if each.name not in {"doors", "default_door"}]
    first = load()

    def load_doors() -> Config:
        config = load()
        if changed := [name for name in others if getattr(config, name) != getattr(first, name)]:
            log(LOGGER, logging.WARNING, "needs_a_restart", settings=changed)
        return with_doors_of(running, config)

    return load_doors


def may_reload() -> bool:
    """Return whether SIGHUP means reload. On a terminal it means that the terminal was closed."""
    return not sys.stdin.isatty()


def reload_on_hangup(door: Door, load: Load) -> None:
    """Reload the file whenever SIGHUP arrives at the running loop."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        if await take_over(door, load) and door.config.self_check:
            await look(door)

    def begin() -> None:
        task = loop.create_task(reload(), name="doorward-reload")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, begin)


def reload_on_message(door: Door, hears: Connection, *, looks: bool) -> None:
    """Apply the settings that the supervisor sends; `looks`: this worker examines the doors for all."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def answer(number: int, config: Config) -> None:
        serves = await take_over(door, lambda: config)
        with suppress(OSError):  # the supervisor has gone
            hears.send((number, serves))
        if serves and looks and door.config.self_check:
            await look(door)

    def receive() -> None:
        try:
            number, config = hears.recv()
        except EOFError:  # the supervisor is gone, which ends this worker elsewhere
            loop.remove_reader(hears.fileno())
            return
        task = loop.create_task(answer(number, config), name="doorward-reload")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_reader(hears.fileno(), receive)


def loaded(load: Load) -> Config | None:
    """Return the current settings of the file; None if they are invalid, which is logged."""
    try:
        return load()
    except ConfigError as error:
        log(LOGGER, logging.ERROR, "reload_refused", detail=str(error))
        return None


async def take_over(door: Door, load: Load) -> bool:
    """Serve the doors of the file as it is now; or go on as before, log why, and return False."""
    config = loaded(load)
    if config is None:
        return False
    try:
        await door.reload(config)
    except (ConfigError, StartError, StorageError) as error:
        log(LOGGER, logging.ERROR, "reload_refused", detail=str(error))
    except Exception:
        LOGGER.exception("bug")
    else:
        log(LOGGER, logging.INFO, "reloaded", doors=[each.name for each in door.config.doors])
        return True
    return False
