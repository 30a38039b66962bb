"""The FastMCP sample behind FastMCP's own authorization server in memory, as it comes; it asks nobody."""

from __future__ import annotations

import argparse

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from fastmcp_server import mcp as sample

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    number = parser.parse_args().port
    registration = ClientRegistrationOptions(enabled=True)
    provider = InMemoryOAuthProvider(base_url=f"http://127.0.0.1:{number}", client_registration_options=registration)
    server = FastMCP("in-memory", auth=provider)
    server.mount(sample)
    uvicorn.run(server.http_app(), port=number, log_level="warning")
