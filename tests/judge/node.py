"""One door of the judge: the real composition, with a clock and a store that the judge can reach.

Runs in a process of its own, forked by the nursery. Nothing here is known to `doorward`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from judge import weaknesses
from judge.stage import Stage
from judge.stores import Death, Mortal, Unsteady

from doorward.app import Door
from doorward.cli.process import bind, serve
from doorward.logs import configure
from doorward.oauth.clients.keys import read_jwks, stored_keys
from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.storage.opening import DEFAULT_FILE
from doorward.storage.port import Store
from doorward.storage.postgres import PostgresStore
from doorward.storage.sqlite import SqliteStore
from doorward.upstreams.port import Era, Message, Receive, Scope, Send, UpstreamCall

HOST = "judge.example"
ISSUER = f"https://{HOST}"
IDENTITY_PROVIDER = "https://idp.example"
PERSONS = 8
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class NodeSettings:
    """What a node is started with; travels to the nursery as JSON."""

    directory: str
    port: int
    number: int = 0
    database: str | None = None
    weakness: str = ""
    death_path: str = ""
    death_point: str = ""
    policy: dict[str, int] = field(default_factory=dict)
    identity_keys: str = ""
    """The public keys of the identity provider, as a JWK set."""


def store_at(database: str | None, directory: Path) -> Store:
    """Return the store of an installation: a file in its directory, or a PostgreSQL database."""
    return PostgresStore(database) if database else SqliteStore(directory / "data" / DEFAULT_FILE)


class WhoAmI:
    """An upstream that answers with the caller that the door established."""

    name = "who am I"
    audience = None
    keeps_sessions_here = True

    async def start(self) -> None:
        """Nothing to prepare."""

    async def stop(self) -> None:
        """Nothing to end."""

    async def era(self) -> Era | None:
        """Return None: it answers whatever it is asked."""
        return None

    async def handle(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        caller = call.caller
        assert caller is not None
        result = {
            "user": caller.user_id,
            "client": caller.client_id,
            "scope": " ".join(caller.scopes),
            "resource": caller.resource,
        }
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": call.rpc_id, "result": result})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class JudgedDoor(Door):
    """A door that may die while it answers."""

    death = Death()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; on the chosen path, arm the death."""
        death = self.death
        if scope["type"] != "http" or scope["path"] != death.path or scope["method"] != "POST":
            await super().__call__(scope, receive, send)
            return
        death.armed = True

        async def mortal_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                death.at("reply")
                await send(message)
                return
            body = message.get("body", b"")
            if death.point == "half" and body:
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                death.at("half")
            await send(message)
            if not message.get("more_body", False):
                death.at("half")
                death.at("replied")

        await super().__call__(scope, receive, mortal_send)


def trusted(jwks: str) -> tuple[TrustedIssuer, ...]:
    """Return the identity provider with these keys."""
    if not jwks:
        return ()
    return (TrustedIssuer(issuer=IDENTITY_PROVIDER, keys=stored_keys(read_jwks(msgspec.json.decode(jwks)))),)


def make_door(settings: NodeSettings) -> JudgedDoor:
    """Compose a door as `doorward serve` does, and put the judge's stores around its own."""
    directory = Path(settings.directory)
    stage = Stage(directory / "stage")
    door = JudgedDoor(
        public_url=ISSUER,
        data_dir=directory / "data",
        upstream=WhoAmI(),
        clock=stage,
        owner_password=PASSWORD,
        # One address sends all of the load, which the limits are there to stop.
        limit_registrations_per_minute=0,
        limit_authorizations_per_minute=0,
        limit_token_calls_per_minute=0,
        limit_sign_ins_per_minute=0,
        device_grant=True,
        trusted_issuers=trusted(settings.identity_keys),
    )
    door.policy = replace(door.policy, **settings.policy)
    door.death = Death(settings.death_path, settings.death_point)
    door.store = Unsteady(Mortal(store_at(settings.database, directory), door.death), stage)
    weaknesses.plant(settings.weakness, door)
    return door


def run(settings: NodeSettings) -> None:
    """Be a node until somebody ends it."""
    log = os.open(
        Path(settings.directory) / f"node-{settings.number}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    for stream in (1, 2):
        os.dup2(log, stream)
    configure("json", "debug")
    listening = bind("127.0.0.1", settings.port)
    serve(make_door(settings), listening)


def from_json(text: str) -> NodeSettings:
    """Read what the installation wrote."""
    values: dict[str, Any] = msgspec.json.decode(text)
    return NodeSettings(**values)
