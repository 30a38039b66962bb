"""Runs the doors of a file, in this process or in several on one listening socket, and announces them."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from doorward.app import Door
from doorward.cli.process import bind, peer_problem, serve
from doorward.cli.reloading import Load, reload_on_hangup, with_running
from doorward.cli.supervisor import supervise
from doorward.config.addresses import mcp_url
from doorward.config.model import Config
from doorward.errors import StartError
from doorward.logs import log

LOGGER = logging.getLogger("doorward")
_WITHOUT_TRUSTED_PROXIES = {
    "why": "Limits count by address, so one client that guesses passwords slows everybody's sign-in.",
    "fix": 'Set trusted_proxies to the address of the proxy that serves TLS, such as ["127.0.0.1"].',
}


def run(config: Config, origins: Mapping[str, str] | None = None, read_again: Load | None = None) -> None:
    """Serve until SIGTERM or SIGINT. With `read_again`, SIGHUP reloads the doors.

    Raises:
        StartError: the port is busy, or something the door needs cannot be used.
    """
    listening = bind(config.host, config.port)
    config = replace(config, port=listening.getsockname()[1])
    origins = origins or {}
    load = None if read_again is None else with_running(config, read_again)
    if config.workers == 1:
        with listening:

            def announce(door: Door) -> None:
                announce_start(door, origins)
                if load is not None:
                    reload_on_hangup(door, load)

            serve(Door(config=config), listening, announce=announce, looks=config.self_check)
        return
    prepared = Door(config=config)
    peer_dir = Path(tempfile.mkdtemp(prefix="doorward-"))
    try:
        _try_peer_socket(peer_dir)
        asyncio.run(_prepare(prepared))
        announce_start(prepared, origins)
        supervise(config, listening, peer_dir, load)
    finally:
        listening.close()
        shutil.rmtree(peer_dir, ignore_errors=True)


def _try_peer_socket(directory: Path) -> None:
    """Check once that a worker can listen there, because every worker would fail repeatedly. Raises `StartError`."""
    path = directory / "00000000"
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.bind(str(path))
        except OSError as error:
            raise StartError(peer_problem(error, path)) from None
    path.unlink()


async def _prepare(door: Door) -> None:
    """Create keys, database and owner once, and find faults before any worker starts."""
    await door.start()
    await door.stop()


def announce_start(door: Door, origins: Mapping[str, str]) -> None:
    """Print the first screen, and log that the door serves and what it may lack."""
    from doorward.cli.first_start import render

    if sys.stdout.isatty() or door.owner.created:
        text = render(
            door.config,
            doors=[(mcp_url(door.config, each), each) for each in door.config.doors],
            owner_password=door.owner.generated_password,
            owner_is_new=door.owner.created,
            colour=sys.stdout.isatty(),
        )
        print(text, flush=True)
    if door.policy.issuer.startswith("https:") and not door.config.trusted_proxies:
        log(LOGGER, logging.WARNING, "all_clients_share_the_proxy_s_address", **_WITHOUT_TRUSTED_PROXIES)
    for each in door.config.doors:
        facts = {"url": mcp_url(door.config, each), "door": each.name, "auth": each.auth}
        log(LOGGER, logging.INFO, "serving", **facts, pid=os.getpid(), settings=len(origins))
