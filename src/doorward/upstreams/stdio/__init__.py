"""An MCP server that is a command: children, their lines, and their messages as HTTP answers."""
