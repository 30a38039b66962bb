"""The SDK sample behind the `mcp` SDK's own authorization server, with the pages of `protected_server.py`."""

from __future__ import annotations

import argparse

import uvicorn
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import MCPServer
from protected_server import PagesProvider, sign_in_with
from sdk_server import add, echo


def build(port: int) -> MCPServer:
    """Make the server for one address."""
    origin = f"http://127.0.0.1:{port}"
    provider = PagesProvider(origin)
    settings = AuthSettings(
        issuer_url=origin,
        resource_server_url=f"{origin}/mcp",
        client_registration_options=ClientRegistrationOptions(enabled=True),
        revocation_options=RevocationOptions(enabled=True),
    )
    server = MCPServer("sdk-protected", auth_server_provider=provider, auth=settings)
    for tool in (echo, add):
        server.tool()(tool)
    server.custom_route("/sign-in", methods=["GET", "POST"])(sign_in_with(provider))
    return server


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    number = parser.parse_args().port
    uvicorn.run(build(number).streamable_http_app(), port=number, log_level="warning")
