"""An MCP server behind a URL: kept connections, one exchange each, and the reply read strictly."""
