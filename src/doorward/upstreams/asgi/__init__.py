"""An MCP server in this process: an ASGI application, its lifespan, and how it is found in a file."""
