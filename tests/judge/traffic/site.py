"""Where a run takes place: a data directory with users and their tokens, an upstream, and a host in its own process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from judge.installation import POLL_SECONDS, TESTS
from judge.node import HOST, ISSUER, PASSWORD, WhoAmI
from judge.traffic.client import Line
from judge.traffic.history import Recorder
from judge.traffic.host import HostSettings
from judge.traffic.upstream import Upstream
from judge.wire import Address, Lost, NotReached, Request, Wire

from doorward.app import Door
from doorward.directory.accounts import add_user
from doorward.directory.header_tokens import NewHeaderToken, create_header_token

USERS = ("alice", "bob", "carol")
"""The first one asks for what is odd; the others are honest."""
START_SECONDS = 60
STOP_SECONDS = 20
MIB = 2**20
CALM_MEMORY_MIB = 160
"""How much more than at its start a host may need for small answers, however they go wrong."""


class Site:
    """One host with its users."""

    def __init__(self, directory: Path, weakness: str) -> None:
        self.directory = directory
        self.weakness = weakness
        self.recorder = Recorder(directory / "traffic.jsonl")
        self.facts_path = directory / "child.jsonl"
        self.upstream = Upstream(self.recorder)
        self.tokens: dict[str, str] = {}
        self.log_path = directory / "host.log"
        self.address: Address = ("127.0.0.1", 0)
        self._process: asyncio.subprocess.Process | None = None
        self._began_with_mib = 0.0

    async def prepare(self) -> None:
        """Create the data directory with the users and their tokens, and start the upstream."""
        door = Door(
            public_url=ISSUER,
            data_dir=self.directory / "data",
            upstream=WhoAmI(),
            auth="token",
            owner_password=PASSWORD,
        )
        await door.start()
        for user in USERS:
            await add_user(door.store, door.clock, user, kind="service", password=None)
            self.tokens[user], _ = await create_header_token(
                door.store,
                door.clock,
                door.entropy,
                NewHeaderToken(name=user, user_id=user, scopes=door.policy.door_scopes, lifetime_seconds=None),
            )
        await door.stop()

    async def start(self, settings: HostSettings) -> None:
        """Start the host, and return when it answers."""
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.address = listening.getsockname()
        settings = replace(settings, weakness=self.weakness, socket_fd=listening.fileno())
        with listening, self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "judge.traffic.host",
                settings.encoded(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[listening.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])},
            )
        async with asyncio.timeout(START_SECONDS):
            while not await self._answers():
                if self._process.returncode is not None:
                    raise RuntimeError(f"the host ended at its start:\n{self.log_path.read_text()[-2000:]}")
                await asyncio.sleep(POLL_SECONDS)
        self._began_with_mib = self.memory_mib("VmRSS")

    async def _answers(self) -> bool:
        wire = Wire([self.address], HOST)
        try:
            return (await wire.send(0, Request("GET", "/livez"))).status == 200
        except (Lost, NotReached):
            return False
        finally:
            await wire.close()

    def line(self, user: str) -> Line:
        """Return a new connection of a user."""
        return Line(self.address, self.recorder, user, self.tokens[user])

    def child_command(self) -> list[str]:
        """Return the command of a stdio server that follows plans."""
        return [sys.executable, "-m", "judge.traffic.child", str(self.facts_path)]

    def memory_mib(self, which: str) -> float:
        """Return `VmRSS`, what the host uses now, or `VmHWM`, the most that it has used."""
        assert self._process is not None
        with suppress(OSError):
            for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
                if line.startswith(which):
                    return int(line.split()[1]) / 1024
        return 0

    async def stop(self, *, more_memory_mib: float = CALM_MEMORY_MIB) -> None:
        """Note how the host is, and end it."""
        process = self._process
        if process is None:
            return
        is_alive = process.returncode is None
        most = self.memory_mib("VmHWM")
        self.recorder.note("memory_mib", value=most, bar=self._began_with_mib + more_memory_mib)
        self.recorder.note("alive", value=float(is_alive))
        if is_alive:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        self._process = None

    def scan_log(self) -> None:
        """Note how many tracebacks the log holds."""
        with self.log_path.open("rb") as log:
            found = sum(b"Traceback (most recent" in line or b'"event": "bug"' in line for line in log)
        self.recorder.note("tracebacks", value=found)


@asynccontextmanager
async def site(directory: Path, weakness: str) -> AsyncIterator[Site]:
    """Prepare a site, and clear up when the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    here = Site(directory, weakness)
    try:
        await here.prepare()
        yield here
    finally:
        await here.stop()
        await here.upstream.stop()
        if here.log_path.exists():
            here.scan_log()
        here.recorder.close()
