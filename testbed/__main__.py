"""`python -m testbed`: list the servers. `python -m testbed DSC-01`: put one on a port. `--all`: each on its own ports.

`--try COMMAND` puts one after the other on a port, and runs a checker at each: `{url}` in the command is the endpoint,
`{token}` a token that is good there.
Each server has two ports, the second for the other origin that some of them name.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
from collections.abc import Sequence
from contextlib import AsyncExitStack

from testbed.broken import BROKEN
from testbed.good import GOOD, Good
from testbed.serving import running
from testbed.trial import NOT_HERE, tried

SERVERS: dict[str, type[Good]] = GOOD | {rule: each.server for rule, each in BROKEN.items()}
PORTS_EACH = 2
NO_TOKEN = "none-is-needed"


def main() -> int:
    """List, serve until interrupted, or try a checker; returns how many servers it misjudged."""
    parser = argparse.ArgumentParser(prog="python -m testbed", description="Good and broken MCP servers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a rule id, or a good server; without, all are listed")
    parser.add_argument("--port", type=int, default=8080, help="the first port")
    parser.add_argument("--all", action="store_true", help="all of them, each on its own ports")
    parser.add_argument("--try", dest="command", help="run this at each server: {url} and {token} are filled in")
    parser.add_argument("--needs", default="", help="try servers that need these too: login, token, repeat")
    options = parser.parse_args()
    names = list(SERVERS) if options.all else options.names
    for name in names:
        if name not in SERVERS:
            parser.error(f"There is no server '{name}'.")
    if options.command:
        return asyncio.run(_try(names or list(SERVERS), shlex.split(options.command), set(options.needs.split(","))))
    if not names:
        for name, kind in SERVERS.items():
            print(f"{name:<16} {kind.__doc__}")
        return 0
    try:
        asyncio.run(_serve(names, options.port))
    except KeyboardInterrupt:
        return 0
    return 0


async def _serve(names: Sequence[str], port: int) -> None:
    async with AsyncExitStack() as stack:
        for number, name in enumerate(names):
            server = await stack.enter_async_context(running(SERVERS[name], port and port + PORTS_EACH * number))
            print(f"{name:<16} {server.url:<32} {SERVERS[name].__doc__}", flush=True)
            if server.needs_token:
                print(f"{'':<16} token: {server.hand_out()}", flush=True)
        await asyncio.Event().wait()


async def _try(names: Sequence[str], command: Sequence[str], can: set[str]) -> int:
    misjudged = 0
    for name in names:
        lacking = (BROKEN[name].needs if name in BROKEN else frozenset()) - can
        if lacking or name in NOT_HERE:
            print(
                f"{name:<16} not tried: {NOT_HERE.get(name) or 'it needs ' + ' and '.join(sorted(lacking))}", flush=True
            )
            continue
        async with running(SERVERS[name]) as server:
            words = [word.replace("{token}", server.hand_out() or NO_TOKEN) for word in command]
            outcome = await tried(words, server.url, name if name in BROKEN else None)
        misjudged += not outcome.right
        print(f"{name:<16} {outcome.sentence}", flush=True)
    print(f"{misjudged} misjudged.")
    return min(misjudged, 100)


if __name__ == "__main__":
    raise SystemExit(main())
