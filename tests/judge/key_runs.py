"""New keys under load (F-16): nobody is sent away because a node seals with a key that another one has yet to learn.

Rotates through the command line, in a process of its own, as an operator does; one of them for each case.
"""

from __future__ import annotations

import asyncio
import os
import sys

from judge.clients import RETRY_SECONDS
from judge.faults import KILL_WITHIN_SECONDS, under_load, unknown_commits
from judge.node import ISSUER
from judge.progress import Progress
from judge.runs import Bench

KINDS = ("encryption", "signing")
LEARNED_SECONDS = 6
"""Every node has learned of a new key after this long."""
KILLS_PER_KEY = 10
LEAD_SECONDS = 660
"""Longer than a new key waits before it is used."""


async def key_rotation(bench: Bench) -> int:
    """Rotate, and lose the answers of redemptions and refreshes before, while and after the new key takes over."""
    wanted, repeats = bench.count, 10
    progress, bench.progress = bench.progress, Progress("unknown-commits", 0)

    async def rotate() -> int:
        for number in progress.through(range(wanted)):
            await _rotate(bench, KINDS[number % len(KINDS)])
            await asyncio.sleep(LEARNED_SECONDS)
            bench.installation.stage.advance(LEAD_SECONDS)
            bench.count = repeats
            # Nodes take the new key into use one after the other; meanwhile each answer is asked for on both.
            for _ in range(2):
                await unknown_commits(bench)
                await asyncio.sleep(RETRY_SECONDS)
        bench.count = wanted
        return wanted

    clients, bench.clients = bench.clients, min(bench.clients, 4)
    try:
        return await under_load(bench, rotate)
    finally:
        bench.clients = clients


async def rotated_kills(bench: Bench) -> int:
    """Kill nodes, and every so often put a new key into use at once: no node may be lost to the one who knows it."""
    installation, random = bench.installation, bench.actor.random

    async def kill() -> int:
        rotation = asyncio.ensure_future(_rotate(bench, KINDS[0], "--now"))
        for number in bench.progress.through(range(bench.count)):
            if rotation.done() and number % KILLS_PER_KEY == 0:
                await rotation
                kind = KINDS[number // KILLS_PER_KEY % len(KINDS)]
                rotation = asyncio.ensure_future(_rotate(bench, kind, "--now"))
            await asyncio.sleep(random.random() * KILL_WITHIN_SECONDS)
            node = random.randrange(bench.nodes)
            await installation.kill(node)
            await installation.restart(node, kind="kill")
        await rotation
        return bench.count

    return await under_load(bench, kill)


KEY_RUNS = {"key-rotation": key_rotation, "rotated-kills": rotated_kills}


async def _rotate(bench: Bench, kind: str, *options: str) -> None:
    # In the environment, since the address of a database holds its password.
    address = bench.installation.database
    database = {"DOORWARD_DATABASE": address} if address else {}
    place = ["--data-dir", str(bench.installation.directory / "data")]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *["-m", "doorward", "keys", "rotate", "--kind", kind, "--json", *options, *place],
        env={**os.environ, "DOORWARD_PUBLIC_URL": ISSUER, **database},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the keys could not be rotated: {said.decode()}")
