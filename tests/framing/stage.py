"""A real door with three users, a server behind it, and proxies in front, each reached through a tap."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from flows.door import command
from flows.processes import PYTHON, Program, free_port, started
from framing import proxies
from framing.maker import ATTACKER
from framing.tap import Address, Tap
from framing.upstream import Asked, Steps, Upstream
from framing.verdict import Judge

VICTIMS: Final = ("bob", "carol")
STRAIGHT: Final = "straight"
WAYS: Final = (STRAIGHT, *proxies.PROXIES)
SETTINGS: Final = {
    "upstream_identity": '"jwt"',
    "upstream_timeout_seconds": "3",
    "self_check": "false",
    "limit_registrations_per_minute": "0",
    "limit_authorizations_per_minute": "0",
    "limit_token_calls_per_minute": "0",
    "limit_sign_ins_per_minute": "0",
}


@dataclass
class Served:
    """One door under trial."""

    program: Program
    tokens: dict[str, bytes]
    judge: Judge
    seen: Callable[[], Counter[tuple[str, str]]]
    upstream: Upstream | None = None

    @property
    def host(self) -> bytes:
        """The host of the public URL."""
        return b"127.0.0.1:%d" % self.program.port

    def bugs(self) -> list[str]:
        """Return the lines of the log that a fault of ours leaves."""
        marks = ("Traceback", '"bug"', "Exception in ASGI", "Task exception was never retrieved", "never awaited")
        return [
            f"{line[:200]} ... {line[-900:]}"
            for line in self.program.output().splitlines()
            if any(mark in line for mark in marks)
        ]


@dataclass
class Lane:
    """One way to the door."""

    name: str
    address: Address
    tap: Tap | None = None
    faults: list[str] = field(default_factory=list)


@contextlib.contextmanager
def _door(
    target: str, folder: Path, env: dict[str, str], launcher: Sequence[str]
) -> Iterator[tuple[Program, dict[str, bytes]]]:
    settings, data, port = folder / "doorward.toml", folder / "data", free_port()
    settings.write_text("".join(f"{name} = {value}\n" for name, value in SETTINGS.items()))
    options = ["--config", settings, "--port", str(port), "--data-dir", data, "--auth", "token", "--log-format", "json"]
    arguments = [PYTHON, *launcher, "serve", *options, target]
    with started(arguments, port=port, env={"DOORWARD_OWNER_PASSWORD": "correct horse battery", **env}) as program:

        def token_for(user: str) -> bytes:
            command("users", "add", user, data_dir=data)
            issued = command("tokens", "create", "--name", f"of-{user}", "--user", user, data_dir=data)
            return str(issued["token"]).encode()

        people = (ATTACKER, *VICTIMS)
        with ThreadPoolExecutor() as workers:
            tokens = dict(zip(people, workers.map(token_for, people), strict=True))
        yield program, tokens


@contextlib.asynccontextmanager
async def served(
    folder: Path,
    odd: Callable[[Asked], Steps | None],
    *,
    in_process: bool = False,
    launcher: Sequence[str] = ("-m", "doorward"),
) -> AsyncIterator[Served]:
    """Serve a door; `in_process`: its target is an application, and not a URL. Odd answers are for URLs.

    `launcher`: how Python is to start it, for doors that lack a defence.
    """
    notes = folder / "seen"
    notes.touch()
    upstream = Upstream(odd)
    async with contextlib.AsyncExitStack() as life:
        await life.enter_async_context(upstream.serving())
        target = str(Path(__file__).with_name("app.py")) if in_process else upstream.url
        paths = os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
        entered = _door(target, folder, {"FRAMING_SEEN": str(notes), "PYTHONPATH": paths}, launcher)
        program, tokens = await asyncio.to_thread(entered.__enter__)
        life.push_async_callback(asyncio.to_thread, entered.__exit__, None, None, None)

        def seen() -> Counter[tuple[str, str]]:
            if not in_process:
                return upstream.seen
            lines = notes.read_text(encoding="utf-8").splitlines()
            return Counter((line.partition(" ")[0], line.partition(" ")[2]) for line in lines)

        host = b"127.0.0.1:%d" % program.port
        judge = Judge({token: user for user, token in tokens.items()}, host)
        yield Served(program, tokens, judge, seen, None if in_process else upstream)


@contextlib.asynccontextmanager
async def lanes(door: Served, names: Sequence[str], folder: Path) -> AsyncIterator[list[Lane]]:
    """Open these ways to the door."""
    there = ("127.0.0.1", door.program.port)
    found: list[Lane] = []
    async with contextlib.AsyncExitStack() as life:
        for name in names:
            if name == STRAIGHT:
                found.append(Lane(name, there))
                continue
            tap = await life.enter_async_context(Tap(there, door.judge).serving())
            entered = proxies.running(name, door=tap.port, folder=folder / name)
            program = await asyncio.to_thread(entered.__enter__)
            life.push_async_callback(asyncio.to_thread, entered.__exit__, None, None, None)
            found.append(Lane(name, ("127.0.0.1", program.port), tap))
        yield found
