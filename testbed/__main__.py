"""`python -m testbed`: list the servers. `python -m testbed DSC-01 --port 8080`: put one on a port.

The second origin that some broken servers name is the next port.
"""

from __future__ import annotations

import argparse

import uvicorn

from testbed.broken import BROKEN
from testbed.good import GOOD
from testbed.serving import application


def main() -> None:
    """List, or serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m testbed", description="Good and broken MCP servers.")
    parser.add_argument("name", nargs="?", help="a rule id, or a good server; without it, all are listed")
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    names = GOOD | {rule: each.server for rule, each in BROKEN.items()}
    if options.name not in names:
        for name, server in names.items():
            print(f"{name:<16} {server.__doc__}")
        if options.name:
            parser.error(f"There is no server '{options.name}'.")
        return
    server = names[options.name](f"http://127.0.0.1:{options.port}")
    print(f"{options.name}: {server.__doc__} {server.url}")
    uvicorn.run(application(server), host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
