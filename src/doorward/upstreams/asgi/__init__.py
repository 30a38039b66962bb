"""An MCP server in this process: an ASGI application, its lifespan, and how to find it in a file."""
