"""An MCP server that is a command: child processes, their lines, and their messages as HTTP responses."""
