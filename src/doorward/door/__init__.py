"""The data path: from the public MCP URL to the upstream and back, in bytes."""
