"""Pure wire facts of MCP: protocol eras, mirrored headers, JSON-RPC and SSE framing, sealed session ids."""
