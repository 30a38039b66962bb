"""The MCP servers behind a door: an ASGI app, an HTTP URL or a stdio command."""
