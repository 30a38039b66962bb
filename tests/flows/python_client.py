"""The official Python client against one URL: era, OAuth by registration or with known credentials, or a header.

`visit` connects, signs in if asked, lists the tools, calls some, and tells what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
from flows.user_agent import Browser, CallBack, Person
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp_types import ElicitResult

REDIRECT_URI = "http://127.0.0.1:33418/callback"


@dataclass
class Keyring:
    """Where the client keeps its registration and tokens; hand it to a second visit to come back."""

    client: OAuthClientInformationFull | None = None
    tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Visit:
    """What one visit saw."""

    protocol_version: str = ""
    tools: list[str] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    sign_ins: list[CallBack] = field(default_factory=list)
    answers: list[tuple[str, int]] = field(default_factory=list)
    """Path and status of each HTTP answer that the client got, in order."""

    @property
    def era(self) -> str:
        return "modern" if self.protocol_version >= "2026-07-28" else "legacy"


def known_client(client_id: str, client_secret: str | None = None, method: str | None = None) -> Keyring:
    """Return a keyring that holds a pre-registered client."""
    how = method or ("client_secret_post" if client_secret else "none")
    return Keyring(
        OAuthClientInformationFull(
            client_id=client_id,
            client_secret=client_secret,
            token_endpoint_auth_method=how,
            redirect_uris=[REDIRECT_URI],
        )
    )


def oauth(url: str, keyring: Keyring, person: Person, seen: Visit, scope: str | None = None) -> OAuthClientProvider:
    """Return the client's own OAuth, whose browser is ours."""
    browser = Browser()

    async def go(authorization_url: str) -> None:
        seen.sign_ins.append(await browser.follow(authorization_url, REDIRECT_URI, person))

    async def come_back() -> AuthorizationCodeResult:
        parameters = seen.sign_ins[-1].parameters
        if "error" in parameters:
            raise PermissionError(parameters["error"])
        return AuthorizationCodeResult.model_validate(parameters)

    wanted = OAuthClientMetadata(
        client_name="Foreign client under test",
        redirect_uris=[REDIRECT_URI],
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
        scope=scope,
    )
    return OAuthClientProvider(url, wanted, keyring, go, come_back)


async def visit(
    url: str,
    calls: Sequence[tuple[str, dict[str, Any]]] = (),
    *,
    mode: str = "auto",
    person: Person | None = None,
    keyring: Keyring | None = None,
    headers: dict[str, str] | None = None,
    answer: dict[str, Any] | None = None,
) -> Visit:
    """Connect to `url` and make the calls; with a `person` the client may sign in.

    `mode` is `auto`, `legacy` or a version; `answer` is the content with which questions are accepted.
    """
    seen = Visit()
    auth = oauth(url, keyring or Keyring(), person, seen) if person else None

    async def note(reply: httpx2.Response) -> None:
        seen.answers.append((reply.request.url.path, reply.status_code))

    async def accept(context: Any, parameters: Any) -> ElicitResult:
        return ElicitResult(action="accept", content=answer)

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.progress.append(done)

    async with AsyncExitStack() as stack:
        http = httpx2.AsyncClient(headers=headers, auth=auth, timeout=60, event_hooks={"response": [note]})
        await stack.enter_async_context(http)
        transport = streamable_http_client(url, http_client=http)
        client = Client(transport, mode=mode, elicitation_callback=accept if answer is not None else None)
        await stack.enter_async_context(client)
        seen.protocol_version = client.protocol_version
        seen.tools = [tool.name for tool in (await client.list_tools()).tools]
        for name, arguments in calls:
            seen.results.append(await client.call_tool(name, arguments, progress_callback=progress))
    return seen
