"""A child for the tests: does what the tool's name says. Standard library only, so that it starts quickly.

usage: scripted_server.py modern|legacy|exits|deaf|silent
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

era = {"speaks": sys.argv[1]}
MODERN = "io.modelcontextprotocol/protocolVersion"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
Json = dict[str, Any]
held: list[Json] = []
asked: dict[Any, Json] = {}
cancelled: list[Any] = []
calls = {"begun": 0}


def write(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def reply(request: Json, result: Json) -> None:
    write(id=request["id"], result=result)


def fail(request: Json, code: int) -> None:
    write(id=request["id"], error={"code": code, "message": "refused"})


def tell_progress(request: Json) -> None:
    token = request["params"].get("_meta", {}).get("progressToken")
    if token is not None:
        write(method="notifications/progress", params={"progressToken": token, "progress": 1})


def echo(request: Json, arguments: Json) -> None:
    reply(request, {"pid": os.getpid(), "environment": sorted(os.environ), **arguments})


def hold(request: Json, arguments: Json) -> None:
    """Answer nobody until so many wait, then all in the opposite order."""
    held.append(request)
    if len(held) == arguments["until"]:
        for waiting in reversed(held):
            tell_progress(waiting)
            reply(waiting, {"mark": waiting["params"]["arguments"]["mark"]})
        held.clear()


def progress(request: Json, arguments: Json) -> None:
    tell_progress(request)
    reply(request, {})


def never(request: Json, arguments: Json) -> None:
    tell_progress(request)


def tell_cancelled(request: Json, arguments: Json) -> None:
    reply(request, {"cancelled": cancelled})


def ask(request: Json, arguments: Json) -> None:
    asked["s1"] = request
    write(id="s1", method="elicitation/create", params={"message": "Seat?"})


def ping(request: Json, arguments: Json) -> None:
    asked[99] = request
    write(id=99, method="ping")


def announce(request: Json, arguments: Json) -> None:
    write(method="notifications/message", params={"level": "info", "data": "hello"})
    reply(request, {})


def late(request: Json, arguments: Json) -> None:
    reply(request, {})
    for number in range(arguments["times"]):
        write(method="notifications/message", params={"data": number})


def die(request: Json, arguments: Json) -> None:
    sys.stderr.write("first\nBearer abcdef1234567 \x1b[31mlast words\n")
    sys.stderr.flush()
    os._exit(7)


def chatter(request: Json, arguments: Json) -> None:
    sys.stdout.write('plain text\n\n[1]\n{"jsonrpc":"2.0"}\n\xff\n')
    reply(request, {})


def gate(request: Json, arguments: Json) -> None:
    """Do nothing else until somebody opens the pipe for writing, then answer."""
    Path(arguments["pipe"]).read_text()
    reply(request, {})


def count(request: Json, arguments: Json) -> None:
    """Say how many calls came before."""
    reply(request, {"before": calls["begun"] - 1})


def say(request: Json, arguments: Json) -> None:
    """Write bytes that need not be messages, with the id of this request where they say so."""
    for line in arguments["lines"]:
        data = line.replace("{id}", json.dumps(request["id"])).encode("latin-1")
        sys.stdout.flush()
        sys.stdout.buffer.write(data + b"\n")
        sys.stdout.buffer.flush()


def tell(request: Json, arguments: Json) -> None:
    """Send any messages, then answer."""
    for message in arguments["messages"]:
        write(**message)
    reply(request, {})


def deaf(request: Json, arguments: Json) -> None:
    """Answer, and read nothing any more."""
    reply(request, {})
    threading.Event().wait()


def flood(request: Json, arguments: Json) -> None:
    """Answer, and then write the same line without end to one of the streams."""
    stream = {"stdout": sys.stdout, "stderr": sys.stderr}[arguments["stream"]]
    reply(request, {})
    threading.Thread(target=lambda: pour(stream, arguments["line"] + "\n"), daemon=True).start()


def pour(stream: Any, line: str) -> None:
    while True:
        os.write(stream.fileno(), line.encode() * 2000)


def large(request: Json, arguments: Json) -> None:
    reply(request, {"text": "x" * arguments["size"]})


def endless(request: Json, arguments: Json) -> None:
    while True:
        sys.stdout.write("y" * 1_000_000)


def shout(request: Json, arguments: Json) -> None:
    sys.stderr.write("".join(f"line {number}\n" for number in range(arguments["lines"])))
    sys.stderr.flush()
    reply(request, {})


def orphan(request: Json, arguments: Json) -> None:
    """Die, leaving behind a process that holds the pipes open."""
    code = 'import threading; print(\'{"jsonrpc":"2.0","method":"up"}\', flush=True); threading.Event().wait()'
    left = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL)
    sys.stderr.write(f"{left.pid}\n")
    sys.stderr.flush()
    os._exit(0)


def stubborn_orphan(request: Json, arguments: Json) -> None:
    """Die, leaving behind a process that does not end when it is asked to."""
    code = (
        "import signal, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('ready', flush=True); threading.Event().wait()"
    )
    left = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    left.stdout.readline()
    sys.stderr.write(f"{left.pid}\n")
    sys.stderr.flush()
    os._exit(0)


def stubborn(request: Json, arguments: Json) -> None:
    """Ignore both ways of being asked to leave."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    reply(request, {"pid": os.getpid()})
    threading.Event().wait()


TOOLS: dict[str, Callable[[Json, Json], None]] = {
    tool.__name__: tool
    for tool in (
        echo,
        hold,
        progress,
        never,
        ask,
        ping,
        announce,
        late,
        die,
        chatter,
        large,
        endless,
        shout,
        orphan,
        stubborn,
        say,
        gate,
        count,
        tell,
        flood,
        deaf,
        stubborn_orphan,
    )
} | {"cancelled": tell_cancelled}


def initialize(request: Json) -> None:
    if era["speaks"] == "modern":
        fail(request, -32022)
        return
    reply(request, {"protocolVersion": "2025-11-25", "serverInfo": {"name": era["speaks"]}, "pid": os.getpid()})
    era["speaks"] = "legacy"


def listen(request: Json) -> None:
    meta = {"_meta": {SUBSCRIPTION: request["id"]}}
    write(method="notifications/subscriptions/acknowledged", params=meta)
    write(method="notifications/tools/list_changed", params=meta)
    if request["params"]["notifications"].get("brief"):
        write(method="notifications/cancelled", params={"requestId": request["id"]})


def call_tool(request: Json) -> None:
    calls["begun"] += 1
    tool = TOOLS.get(request["params"]["name"])
    if tool is None:
        fail(request, -32602)
    else:
        tool(request, request["params"]["arguments"])


METHODS: dict[str, Callable[[Json], None]] = {
    "initialize": initialize,
    "tools/call": call_tool,
    "subscriptions/listen": listen,
    "server/discover": lambda request: reply(request, {"supportedVersions": ["2026-07-28"]}),
    "notifications/cancelled": lambda request: cancelled.append(request["params"]["requestId"]),
    "notifications/initialized": lambda request: None,
}


def take(message: Json) -> None:
    method = message.get("method")
    if method is None:
        reply(asked.pop(message["id"]), {"answer": message.get("result", message.get("error"))})
    elif era["speaks"] == "exits" and method != "initialize":
        sys.exit(1)
    elif era["speaks"] == "deaf" and method != "initialize":
        return
    elif era["speaks"] == "legacy" and MODERN in message.get("params", {}).get("_meta", {}):
        fail(message, -32601)
    else:
        METHODS.get(method, lambda request: fail(request, -32601))(message)


if era["speaks"] == "silent":
    sys.stdin.read()
for line in sys.stdin:
    take(json.loads(line))
