"""`doorward serve` as a real process, and the command line around it, as an operator would use them."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.processes import PYTHON, ROOT, Program, free_port, started

PASSWORD = "correct horse battery staple"
COMMAND_PATIENCE_SECONDS = 60


@dataclass
class Door:
    """One running door and its data directory."""

    program: Program
    data_dir: Path

    @property
    def url(self) -> str:
        """The MCP endpoint."""
        return self.program.url("/mcp")

    def command(self, *arguments: str) -> Any:
        """Run another `doorward` command on the same data directory and return its JSON."""
        return command(*arguments, data_dir=self.data_dir)

    def header_token(self, name: str = "t") -> str:
        """Issue a header token while the door runs."""
        issued = self.command("tokens", "create", "--name", name)
        return str(issued["token"])


def command(*arguments: str, data_dir: Path) -> Any:
    """Run one `doorward` command and return its JSON; raise with its output when it fails."""
    done = subprocess.run(
        [PYTHON, "-m", "doorward", *arguments, "--data-dir", str(data_dir), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"doorward {' '.join(arguments)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


@contextlib.contextmanager
def serving(
    *target: str | Path, data_dir: Path, auth: str = "oauth", options: Sequence[str] = (), port: int | None = None
) -> Iterator[Door]:
    """Serve a target: one file or address, or several words that are a command."""
    number = port or free_port()
    what = [str(target[0])] if len(target) == 1 else ["--", *map(str, target)]
    settings = ["--port", str(number), "--data-dir", str(data_dir), "--auth", auth, *options]
    arguments = [PYTHON, "-m", "doorward", "serve", *settings, *what]
    with started(arguments, port=number, env={"DOORWARD_OWNER_PASSWORD": PASSWORD}) as program:
        yield Door(program, data_dir)
