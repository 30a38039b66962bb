"""A server written with the MCP Python SDK: `doorward serve examples/02_sdk.py`."""

from mcp.server import MCPServer

server = MCPServer("Adder")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
