"""The memory of streams that are open and silent."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from flows.processes import free_port

from bench import calls, measure
from bench.load import Wrong, request
from bench.subjects import BEHIND, NEEDS, command

STREAMS = 400
WARM_UP = 20


def kib_each(server: str, folder: Path) -> float:
    """Return how much resident memory one more open stream takes in a server, in KiB."""
    with contextlib.ExitStack() as stack:
        ports = {name: free_port() for name in [*NEEDS.get(server, []), server]}
        programs = {}
        for name, port in ports.items():
            own = folder / name
            own.mkdir(parents=True)
            words = command(name, port, own, folder, ports)
            core = measure.LOAD_CORE if name in BEHIND else measure.SUBJECT_CORE
            programs[name] = stack.enter_context(measure.running(words, port, own, core=core, env={}))
        for _ in range(WARM_UP):
            stack.enter_context(opened(ports[server]))
        before = measure.resident_mib(programs[server].process.pid)
        for _ in range(STREAMS):
            stack.enter_context(opened(ports[server]))
        return (measure.resident_mib(programs[server].process.pid) - before) * 1024 / STREAMS


def opened(port: int) -> socket.socket:
    """Open one subscription and return its connection when the first event is there."""
    routing = {"MCP-Protocol-Version": calls.MODERN, "Mcp-Method": "subscriptions/listen"}
    body = calls.message("subscriptions/listen", {"notifications": {"toolsListChanged": True}, "_meta": calls.META})
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(request("POST", "/mcp", port, {**calls.ACCEPT, **routing}, body))
    seen = b""
    while b"acknowledged" not in seen:
        part = connection.recv(65536)
        if not part:
            raise Wrong(f"the stream ended: {seen!r}")
        seen += part
    return connection
