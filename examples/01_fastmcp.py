"""A FastMCP server with two tools. Put it on the internet: `doorward serve examples/01_fastmcp.py`."""

from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token

mcp = FastMCP("Greeter")


@mcp.tool
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello, {name}!"


@mcp.tool
def whoami() -> str:
    """Tell who is signed in, as the door has established it."""
    caller = get_access_token()
    return caller.subject if caller and caller.subject else "nobody"
