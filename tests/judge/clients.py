"""Honest clients: every request to several doors recorded, and repeated where an honest client would.

A request that got no answer, or an answer without a verdict, is repeated with the same input, as an honest client does,
until there is a verdict. Each attempt is an operation of its own. Forged and foreign requests are marked hostile.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from judge.history import Operation, Recorder, digest
from judge.wire import Lost, NotReached, Reply, Request, Wire, form

from doorward.oauth.grant_types import DEVICE_CODE
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.opaque import ACCESS_TOKEN, mint

REDIRECT_URI = "https://client.example/callback"
RETRY_SECONDS = 0.01
TOO_MANY_REQUESTS = 429


@dataclass
class Client:
    """A registered client, as it knows itself."""

    client_id: str
    client_secret: str = field(default="", repr=False)

    def fields(self) -> dict[str, str]:
        """Return how it authenticates in a form."""
        secret = {"client_secret": self.client_secret} if self.client_secret else {}
        return {"client_id": self.client_id, **secret}


@dataclass
class Code:
    """A code and what belongs to it."""

    client: Client
    secret: str = field(repr=False)
    verifier: str = field(default="", repr=False)
    """Empty: the code of a device."""


@dataclass
class Tokens:
    """What a client holds after a success."""

    client: Client
    access: str = field(repr=False)
    refresh: str = field(repr=False)


class GaveUp(Exception):
    """No verdict in the time an honest client waits, or a person cannot get through."""


Read = Callable[[Operation, Reply], object]


class Actor:
    """Sends requests to the nodes in turn and records them."""

    def __init__(
        self, wire: Wire, recorder: Recorder, policy: Policy, *, seed: int = 0, patience_seconds: float = 15
    ) -> None:
        self.wire = wire
        self.recorder = recorder
        self.policy = policy
        self.random = random.Random(seed)
        self.patience_seconds = patience_seconds
        self.patience_clock: Callable[[], float] = time.monotonic
        """What its patience is measured by; a run may stop it while nobody could be served."""
        self.wait: Callable[[int], None] = lambda _seconds: None
        """How it waits when it is told to."""
        self.before_retry: Callable[[], None] = lambda: None
        """Called before each repeat; a run may let the clock jump here."""
        self.sending: Callable[[str], None] = lambda _name: None
        """Told of each request as it leaves."""
        self.aim: dict[str, int] = {}
        """The node that the next operation of this name goes to first."""

    def secret(self, value: str) -> str:
        """Remember a value that must not be written anywhere; return its name in the history."""
        self.recorder.secrets.add(value)
        return digest(value)

    async def once(
        self,
        name: str,
        request: Request,
        read: Read,
        /,
        *,
        node: int | None = None,
        hostile: bool = False,
        **given: str,
    ) -> tuple[Operation, object]:
        """Send one request once."""
        chosen = self.wire.next_node() if node is None else node
        value: object = None
        with self.recorder.operation(name, hostile=hostile, **given) as operation:
            operation.node = chosen
            self.sending(name)
            try:
                reply = await self.wire.send(chosen, request)
            except NotReached:
                operation.unanswered(reached=False)
            except Lost:
                operation.unanswered()
            else:
                if reply.status >= 500 or reply.status == TOO_MANY_REQUESTS:
                    operation.unanswered(reply.status, _error(reply))
                    self._told_to_wait(reply)
                elif reply.status >= 400:
                    operation.refused(reply.status, _error(reply))
                else:
                    value = read(operation, reply)
        return operation, value

    async def settled(
        self, name: str, request: Request, read: Read, /, *, node: int | None = None, **given: str
    ) -> tuple[Operation, object]:
        """Repeat a request until there is a verdict; on the node named only at first.

        Raises:
            GaveUp: nobody answered in time.
        """
        deadline = self.patience_clock() + self.patience_seconds
        node = self.aim.pop(name, node)
        while True:
            operation, value = await self.once(name, request, read, node=node, **given)
            if operation.outcome != "unknown":
                return operation, value
            if self.patience_clock() > deadline:
                raise GaveUp(name)
            node = None
            await self.pause()

    async def pause(self) -> None:
        """Wait for a moment before a repeat."""
        await asyncio.sleep(RETRY_SECONDS)
        self.before_retry()

    def _told_to_wait(self, reply: Reply) -> None:
        """Obey `Retry-After` after too many requests, on the doors' clock; a 503 is repeated at once, to be unkind."""
        if reply.status == TOO_MANY_REQUESTS:
            self.wait(int(reply.headers["retry-after"]))

    # What a client does ---------------------------------------------------------------------------------------------

    async def register(self, *, confidential: bool = False, node: int | None = None) -> Client:
        """Register a client."""
        method = "client_secret_post" if confidential else "none"
        body = {
            "redirect_uris": [REDIRECT_URI],
            "token_endpoint_auth_method": method,
            "client_name": f"client {secrets.token_hex(4)}",
        }
        request = Request("POST", "/register", {"content-type": "application/json"}, json.dumps(body).encode())

        def read(operation: Operation, reply: Reply) -> Client:
            answer = json.loads(reply.body)
            client = Client(answer["client_id"], answer.get("client_secret", ""))
            if client.client_secret:
                self.secret(client.client_secret)
            operation.ok(reply.status, client=client.client_id)
            return client

        operation, client = await self.settled(
            "register", request, read, node=node, registration=digest(body["client_name"])
        )
        if not isinstance(client, Client):
            raise GaveUp(f"register: {operation.error}")
        return client

    async def redeem(
        self, code: Code, *, node: int | None = None, once: bool = False, **tampered: str
    ) -> Tokens | None:
        """Redeem a code. `tampered` fields replace honest ones and make the request hostile."""
        what = {"grant_type": DEVICE_CODE, "device_code": code.secret}
        if code.verifier:
            verifier = {"redirect_uri": REDIRECT_URI, "code_verifier": code.verifier}
            what = {"grant_type": "authorization_code", "code": code.secret, **verifier}
        fields = {**what, **code.client.fields()}
        return await self._token("redeem", code.client, fields, node, once, tampered, code=digest(code.secret))

    async def refresh(
        self, tokens: Tokens, *, node: int | None = None, once: bool = False, **tampered: str
    ) -> Tokens | None:
        """Use a refresh token."""
        fields = {"grant_type": "refresh_token", **tokens.client.fields(), "refresh_token": tokens.refresh}
        return await self._token("refresh", tokens.client, fields, node, once, tampered, refresh=digest(tokens.refresh))

    async def _token(
        self,
        name: str,
        client: Client,
        fields: dict[str, str],
        node: int | None,
        once: bool,
        tampered: dict[str, str],
        **given: str,
    ) -> Tokens | None:
        request = form("/token", fields | tampered)

        def read(operation: Operation, reply: Reply) -> Tokens:
            answer = json.loads(reply.body)
            tokens = Tokens(client, answer["access_token"], answer["refresh_token"])
            operation.ok(
                reply.status,
                access=self.secret(tokens.access),
                refresh=self.secret(tokens.refresh),
                expires_in=str(answer["expires_in"]),
            )
            return tokens

        given["client"] = tampered.get("client_id", client.client_id)
        if tampered:
            given["tampered"] = " ".join(tampered)
        send = self.once if once or tampered else self.settled
        hostile = {"hostile": True} if tampered else {}
        _, tokens = await send(name, request, read, node=node, **hostile, **given)
        return tokens if isinstance(tokens, Tokens) else None

    async def call(self, access: str, *, node: int | None = None, hostile: bool = False) -> Operation:
        """Call the door once with an access token."""
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **({"authorization": f"Bearer {access}"} if access else {}),
        }
        body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'

        def read(operation: Operation, reply: Reply) -> None:
            operation.ok(reply.status, **json.loads(reply.body)["result"])

        given = {"access": digest(access)} if access else {}
        operation, _ = await self.once(
            "call", Request("POST", "/mcp", headers, body), read, node=node, hostile=hostile, **given
        )
        return operation

    async def introspect(self, tokens: Tokens, *, node: int | None = None) -> None:
        """Ask about the access token, if the client has a secret to ask with: active is ok, inactive is refused."""
        if not tokens.client.client_secret:
            return

        def read(operation: Operation, reply: Reply) -> None:
            answer = json.loads(reply.body)
            if answer["active"]:
                names = {"user": "sub", "client": "client_id", "scope": "scope", "resource": "aud"}
                operation.ok(reply.status, **{name: answer[told] for name, told in names.items()})
            else:
                operation.refused(reply.status, "inactive")

        request = form("/introspect", {**tokens.client.fields(), "token": tokens.access})
        given = {"access": digest(tokens.access), "client": tokens.client.client_id}
        await self.once("introspect", request, read, node=node, **given)

    async def forge(self, *, node: int | None = None) -> None:
        """Call with no token, with nonsense, and with a well-formed token that was never issued."""
        for access in ("", "nonsense", mint(ACCESS_TOKEN, secrets.token_bytes(32))):
            await self.call(access, node=node, hostile=True)

    async def revoke(self, tokens: Tokens, *, kind: str = "refresh", node: int | None = None) -> Operation:
        """Revoke the refresh token, and with it the grant, or the access token alone."""
        token = tokens.refresh if kind == "refresh" else tokens.access
        request = form("/revoke", {**tokens.client.fields(), "token": token})
        operation, _ = await self.settled(
            "revoke",
            request,
            lambda operation, reply: operation.ok(reply.status),
            node=node,
            client=tokens.client.client_id,
            kind=kind,
            token=digest(token),
        )
        return operation


def _error(reply: Reply) -> str:
    if reply.headers.get("content-type", "").startswith("application/json"):
        body = json.loads(reply.body)
        error = body.get("error", "")
        return error if isinstance(error, str) else str(error.get("code", ""))
    return reply.headers.get("www-authenticate", "page")[:80]
