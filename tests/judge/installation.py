"""One installation under judgement: a data directory, a nursery, and doors that are started, killed and started again.

Everything listens on 127.0.0.1, and only processes that were started here are ended, each by its own handle.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from judge.clients import Client
from judge.further import IDENTITY_KEYS, Operated
from judge.history import Recorder
from judge.node import HOST, ISSUER, PASSWORD, PERSONS, NodeSettings, WhoAmI, store_at, trusted
from judge.proxy import Proxy
from judge.stage import Stage
from judge.wire import Address, Lost, NotReached, Request, Wire
from postgres_server import PostgresServer

from doorward.app import Door
from doorward.clock import SystemEntropy
from doorward.directory.accounts import add_user, disable_user, remove_user
from doorward.directory.clients import add_client, remove_client
from doorward.login.local import hash_password
from doorward.oauth.clients.new_client import NewClient
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE
from doorward.oauth.policy import Policy, Resource, by_uri
from doorward.records.accounts import User
from doorward.records.changes import Insert
from doorward.storage.memory import MemoryStore
from doorward.storage.port import Store

TESTS = Path(__file__).resolve().parents[1]
POLL_SECONDS = 0.005
RECOVERY_SECONDS = 3
"""Service must be back within this, however it was killed."""


def person(number: int) -> str:
    """Return the name of one of the people who sign in."""
    return f"person-{number % PERSONS}"


class Installation:
    """Several doors on one database."""

    def __init__(self, directory: Path, *, nodes: int, weakness: str, policy: Mapping[str, int]) -> None:
        self.directory = directory
        self.stage = Stage(directory / "stage")
        self.recorder = Recorder(directory / "judge.jsonl", self.stage.now)
        self.database: str | None = None
        self.weakness = weakness
        self.policy = Policy(
            ISSUER,
            by_uri(Resource(f"{ISSUER}/mcp", "mcp", ("mcp",))),
            device_grant=True,
            trusted_issuers=trusted(IDENTITY_KEYS),
            **policy,
        )
        self._policy_changes = dict(policy)
        self._reserved = [_reserve() for _ in range(nodes)]
        self.addresses: list[Address] = [each.getsockname() for each in self._reserved]
        self._password_hash = hash_password(PASSWORD)
        self._administration: Store = MemoryStore()
        self._handles: dict[int, int] = {}
        self.operated: Operated
        """The clients that every run may use; `operate` registers others."""
        self.server: PostgresServer | None = None
        self.proxy: Proxy | None = None
        """Between the doors and PostgreSQL; the judge itself goes around it."""
        self._doors_database: str | None = None
        self._nursery: asyncio.subprocess.Process | None = None

    async def put_proxy_before(self, server: PostgresServer) -> None:
        """Let the doors reach the database through a proxy that can cut them off."""
        name = await asyncio.to_thread(server.new_database)
        self.server = server
        self.database = server.url(name)
        self.proxy = Proxy(("127.0.0.1", server.port))
        _, port = await self.proxy.start()
        self._doors_database = server.url(name, port=port)

    async def open(self) -> None:
        """Create the database with its people, then start every node."""
        door = Door(
            public_url=ISSUER,
            data_dir=self.directory / "data",
            upstream=WhoAmI(),
            clock=self.stage,
            owner_password=PASSWORD,
        )
        door.store = store_at(self.database, self.directory)
        await door.start()
        await door.store.apply([Insert(self._user(person(number))) for number in range(PERSONS)])
        await door.stop()
        self.recorder.secrets.add(PASSWORD)
        self._administration = store_at(self.database, self.directory)
        await self._administration.open()
        self.operated = await self.operate("all")
        self._nursery = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "judge.nursery",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])},
        )
        for node in range(len(self.addresses)):
            await self.start(node)

    async def start(self, node: int, **changed: str) -> None:
        """Start a node that is not running, and return when it answers."""
        settings = NodeSettings(
            directory=str(self.directory),
            port=self.addresses[node][1],
            number=node,
            database=self._doors_database,
            weakness=self.weakness,
            policy=self._policy_changes,
            identity_keys=IDENTITY_KEYS,
            **changed,
        )
        nursery = self._nursery
        assert nursery is not None
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        nursery.stdin.write(msgspec.json.encode(asdict(settings)) + b"\n")
        self._handles[node] = os.pidfd_open(int(await nursery.stdout.readline()))
        while not await self.answers(node):
            if self.has_ended(node):
                raise RuntimeError(f"node {node} ended at its start:\n{self.log(node)[-2000:]}")
            await asyncio.sleep(POLL_SECONDS)

    async def answers(self, node: int) -> bool:
        """Return whether a node is ready to serve."""
        wire = Wire([self.addresses[node]], HOST)
        try:
            return (await wire.send(0, Request("GET", "/readyz"))).status == 200
        except (Lost, NotReached):
            return False
        finally:
            await wire.close()

    def has_ended(self, node: int) -> bool:
        """Return whether the process of a node is gone."""
        try:
            signal.pidfd_send_signal(self._handles[node], 0)
        except ProcessLookupError:
            return True
        return False

    async def kill(self, node: int) -> None:
        """End a node as a power cut would, and wait until it is gone."""
        with self.recorder.operation("kill") as fault:
            fault.node = node
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handles[node], signal.SIGKILL)
            await self.gone(node)
            fault.ok()

    async def gone(self, node: int) -> None:
        """Wait until the process of a node has ended."""
        while not self.has_ended(node):
            await asyncio.sleep(POLL_SECONDS)
        os.close(self._handles.pop(node))

    async def restart(self, node: int, *, kind: str, **changed: str) -> None:
        """Start a node that was killed, and record how long that took."""
        with self.recorder.operation("recovery", kind=kind, bar_ms=str(RECOVERY_SECONDS * 1000)) as recovery:
            await self.start(node, **changed)
            recovery.ok()

    def log(self, node: int) -> str:
        """Return what a node has written."""
        return (self.directory / f"node-{node}.log").read_text(errors="replace")

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """A store of the judge's own on the same database: the administrator's, and the auditor's."""
        store = store_at(self.database, self.directory)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def add_person(self, name: str) -> str:
        """Add an account, and return its name."""
        await self._administration.apply([Insert(self._user(name))])
        return name

    async def operate(self, name: str) -> Operated:
        """Register one client for each of the grants that only an operator gives, and a service account."""
        account = f"robot-{name}"
        await add_user(self._administration, self.stage, account, kind="service", password=None)

        async def client(*grants: str, confidential: bool = True, **given: Any) -> Client:
            new = await add_client(
                self._administration,
                self.stage,
                SystemEntropy(),
                NewClient(client_name=name, confidential=confidential, grant_types=grants, **given),
                policy=self.policy,
            )
            if new.client_secret:
                self.recorder.secrets.add(new.client_secret)
            return Client(new.client.client_id, new.client_secret or "")

        return Operated(
            service=await client(CLIENT_CREDENTIALS, service_user_id=account),
            account=account,
            agent=await client(TOKEN_EXCHANGE, may_exchange=True),
            enterprise=await client(JWT_BEARER),
            device=await client(DEVICE_CODE, confidential=False),
        )

    def _user(self, name: str) -> User:
        return User(user_id=name, password_hash=self._password_hash, created_at=self.stage.now())

    async def end(self, kind: str, name: str) -> None:
        """Remove a client, or disable or remove a user, as the command line does."""
        with self.recorder.operation(f"end_{kind}", **{kind: name}) as operation:
            if kind == "client":
                await remove_client(self._administration, self.stage, name)
            elif name.endswith(("0", "2", "4", "6", "8")):
                await disable_user(self._administration, self.stage, name)
            else:
                await remove_user(self._administration, self.stage, name)
            operation.ok()

    async def close(self) -> None:
        """End every node and the nursery."""
        for node in list(self._handles):
            await self.kill(node)
        self.recorder.close()
        await self._administration.close()
        if self._nursery is not None:
            assert self._nursery.stdin is not None
            self._nursery.stdin.close()
            await self._nursery.wait()
        if self.proxy is not None:
            await self.proxy.stop()
        for each in self._reserved:
            each.close()


def _reserve() -> socket.socket:
    """Hold a free port without listening on it, so that nobody else gets it while its node is down."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


@asynccontextmanager
async def installed(
    directory: Path,
    *,
    nodes: int = 2,
    weakness: str = "",
    server: PostgresServer | None = None,
    policy: Mapping[str, int] | None = None,
) -> AsyncIterator[Installation]:
    """Run an installation until the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    installation = Installation(directory, nodes=nodes, weakness=weakness, policy=policy or {})
    try:
        if server is not None:
            await installation.put_proxy_before(server)
        await installation.open()
        yield installation
    finally:
        await installation.close()
