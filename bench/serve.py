"""Run one server of `bench.apps`: `python -m bench.serve NAME SETTINGS-AS-JSON`. One worker, no access log."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import uvicorn

from bench import apps

KEEP_ALIVE_SECONDS = 600


def main() -> None:
    """Build the app and serve it until the process is ended."""
    name, text = sys.argv[1:]
    told = json.loads(text)
    settings = apps.Settings(told["port"], Path(told["folder"]), Path(told["shared"]), told["ports"])
    uvicorn.run(
        getattr(apps, name)(settings),
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


if __name__ == "__main__":
    main()
