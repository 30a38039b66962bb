"""An MCP server behind a URL: kept connections, one exchange each, and strictly parsed responses."""
