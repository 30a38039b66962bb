"""A FastMCP server with its own sign-in and consent pages, for proving the foreign clients without a door in front.

Differs from FastMCP's in-memory provider only in that a person must sign in and consent. Not secure, not meant to be.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Awaitable, Callable

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from fastmcp_server import mcp as sample
from mcp.server.auth.provider import AuthorizationParams, construct_redirect_uri
from mcp.shared.auth import OAuthClientInformationFull
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

USERNAME, PASSWORD = "owner", "open sesame"
FORM = '<form method="post" action="/sign-in"><input type="hidden" name="ticket" value="{ticket}">{inside}</form>'
SIGN_IN = '<input name="username" autocomplete="username"><input type="password" name="password"><button>In</button>'
CONSENT = '<button name="decision" value="deny">No</button><button name="decision" value="approve">Yes</button>'
Waiting = tuple[OAuthClientInformationFull, AuthorizationParams]


class PagesProvider(InMemoryOAuthProvider):
    """The in-memory provider, with a person in the middle."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url=base_url, client_registration_options=ClientRegistrationOptions(enabled=True))
        self.waiting: dict[str, Waiting] = {}

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        ticket = secrets.token_urlsafe()
        self.waiting[ticket] = (client, params)
        return f"{str(self.base_url).rstrip('/')}/sign-in?ticket={ticket}"

    async def finish(self, ticket: str, decision: str) -> str:
        client, params = self.waiting.pop(ticket)
        if decision == "approve":
            return await super().authorize(client, params)
        return construct_redirect_uri(str(params.redirect_uri), error="access_denied", state=params.state)


def sign_in_with(provider: PagesProvider) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of the pages."""

    async def sign_in(request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(FORM.format(ticket=request.query_params["ticket"], inside=SIGN_IN))
        form = await request.form()
        ticket = str(form["ticket"])
        if "decision" in form and request.cookies.get("signed_in") == "yes":
            return RedirectResponse(await provider.finish(ticket, str(form["decision"])), 302)
        if (form.get("username"), form.get("password")) != (USERNAME, PASSWORD):
            return HTMLResponse("Wrong user name or password", 403)
        page = HTMLResponse(FORM.format(ticket=ticket, inside=CONSENT))
        page.set_cookie("signed_in", "yes")
        return page

    return sign_in


def build(port: int) -> FastMCP:
    """Make the server for one address."""
    provider = PagesProvider(f"http://127.0.0.1:{port}")
    server = FastMCP("protected", auth=provider)
    server.mount(sample)
    server.custom_route("/sign-in", methods=["GET", "POST"])(sign_in_with(provider))
    return server


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    number = parser.parse_args().port
    uvicorn.run(build(number).http_app(), port=number, log_level="warning")
