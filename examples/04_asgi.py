"""Any ASGI app that answers MCP at /mcp: `doorward serve examples/04_asgi.py`. Here it is written by hand."""

import json


async def app(scope, receive, send):
    assert scope["type"] == "http", "this app needs no lifespan"
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    request = json.loads(body) if body else {}
    if request.get("method") == "initialize":
        result = {
            "protocolVersion": request["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "by hand", "version": "1"},
        }
    elif request.get("method") == "tools/list":
        result = {"tools": [{"name": "ping", "description": "Answers pong.", "inputSchema": {"type": "object"}}]}
    elif request.get("method") == "tools/call":
        result = {"content": [{"type": "text", "text": "pong"}], "isError": False}
    else:
        result = None
    if "id" not in request:
        await answer(send, 202, b"")
    elif result is None:
        error = {"code": -32600, "message": "This server speaks 2025-11-25 and earlier."}
        await answer(send, 400, json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode())
    else:
        await answer(send, 200, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode())


async def answer(send, status, body):
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
