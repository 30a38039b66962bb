"""The foreign programs that the flows use, by name: servers to put behind a door, and client programs.

Each server is a context manager that yields a running `Program`; each client returns what it printed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from flows import node
from flows.processes import PYTHON, ROOT, Program, free_port, started

BENCH = ROOT / "bench" / "node"
SERVERS = ROOT / "tests" / "flows" / "servers"
TIME_SERVER = (PYTHON, "-m", "mcp_server_time")
SDK_SERVER_STDIO = (PYTHON, str(SERVERS / "sdk_server.py"), "--stdio")
CLIENT_PATIENCE_SECONDS = 60


def python_server(name: str) -> AbstractContextManager[Program]:
    """Run one of `servers/*.py` over Streamable HTTP at `/mcp`."""
    port = free_port()
    return started([PYTHON, "-W", "ignore", SERVERS / f"{name}.py", "--port", str(port)], port=port)


def everything_server() -> AbstractContextManager[Program]:
    """Run the official reference server (TypeScript, handshake era) over Streamable HTTP at `/mcp`."""
    node.install()
    port = free_port()
    program = node.package("@modelcontextprotocol/server-everything", "dist/index.js")
    return started([node.binary(), program, "streamableHttp"], port=port, env={"PORT": str(port)})


def everything_command() -> tuple[str, ...]:
    """Return the command that runs the official reference server on its standard streams."""
    node.install()
    program = node.package("@modelcontextprotocol/server-everything", "dist/index.js")
    return (str(node.binary()), str(program), "stdio")


def typescript_v1(*, sign_in: bool) -> AbstractContextManager[Program]:
    """Run the big example of the TypeScript SDK v1 at `http://localhost:PORT/mcp`; its sign-in has a port of its own.

    Its consent is given at once.
    """
    node.install()
    port = free_port()
    program = node.package("@modelcontextprotocol/sdk", "dist/esm/examples/server/simpleStreamableHttp.js")
    options = ["--oauth"] if sign_in else []
    ports = {"MCP_PORT": str(port), "MCP_AUTH_PORT": str(free_port())}
    return started([node.binary(), program, *options], port=port, env=ports)


def typescript_v2(*, sign_in: bool) -> AbstractContextManager[Program]:
    """Run a server on the TypeScript SDK v2 at `/mcp`, both eras; its consent is given at once."""
    node.install()
    port = free_port()
    mode = "sign-in" if sign_in else "open"
    return started([node.binary(), node.FOLDER / "server_v2.mjs", str(port), mode], port=port)


def cloudflare(folder: Path, upstream: str) -> AbstractContextManager[Program]:
    """Run Cloudflare's authorization server on local workerd, in front of an MCP server; consent is given at once.

    Its store is in the folder.
    """
    node.install(BENCH)
    port = free_port()
    return started([node.binary(), BENCH / "cloudflare.mjs", str(port), folder, upstream], port=port)


def header_adder(to: int, header: str) -> AbstractContextManager[Program]:
    """Run a proxy to port `to` that adds a header to each request."""
    port = free_port()
    script = ROOT / "tests" / "flows" / "header_adder.py"
    return started([PYTHON, script, "--port", str(port), "--to", str(to), "--header", header], port=port)


def typescript_client(
    script: str, url: str, *arguments: str, username: str = "owner", password: str = ""
) -> dict[str, Any]:
    """Run `client_v1` or `client_v2` and return the line it printed; its errors come back as `ok: false`."""
    node.install()
    done = subprocess.run(
        [str(node.binary()), str(node.FOLDER / f"{script}.mjs"), url, *arguments],
        env={**os.environ, "MCP_USERNAME": username, "MCP_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=CLIENT_PATIENCE_SECONDS,
        check=False,
    )
    if not done.stdout.strip():
        raise RuntimeError(f"{script} printed nothing:\n{done.stderr}")
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return line


def flags(*, tool: str | None = None, arguments: dict[str, Any] | None = None, **others: str) -> Sequence[str]:
    """Return the command-line flags of a client program."""
    chosen = {name.replace("_", "-"): value for name, value in others.items()}
    if tool is not None:
        chosen |= {"tool": tool, "arguments": json.dumps(arguments or {})}
    return [f"--{name}={value}" for name, value in chosen.items()]
