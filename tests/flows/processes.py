"""Start a real program, wait until it answers on its port, keep its output, end it by process group.

Knows nothing of MCP. Every program listens on 127.0.0.1 and is ended when its `with` block ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
POLL_SECONDS = 0.05


class NotReady(RuntimeError):
    """The program ended, or did not answer in time; the message holds what it printed."""


@dataclass
class Program:
    """One running program."""

    process: subprocess.Popen[bytes]
    port: int
    _log: IO[bytes]

    def output(self) -> str:
        """Return what it has printed so far, on both streams."""
        return Path(self._log.name).read_text(errors="replace")

    def url(self, path: str = "/mcp") -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}{path}"

    def kill(self) -> None:
        """End it as a power cut would."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, patience_seconds: float = 10) -> int:
        """Ask it to end, insist after a while, and return its exit code."""
        self._signal(signal.SIGTERM)
        try:
            return self.process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def _signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Return whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def started(
    arguments: Sequence[str | Path],
    *,
    port: int,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    patience_seconds: float = 60,
) -> Iterator[Program]:
    """Run a program until the block ends; enter the block when its port accepts connections."""
    with tempfile.NamedTemporaryFile(prefix="program-", suffix=".log") as log:
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            cwd=cwd or ROOT,
            start_new_session=True,
        )
        program = Program(process, port, log)
        try:
            wait_until_ready(program, patience_seconds)
            yield program
        finally:
            program.stop()


def wait_until_ready(program: Program, patience_seconds: float) -> None:
    """Return when the port answers; raise `NotReady` when the program ends first or takes too long."""
    deadline = time.monotonic() + patience_seconds
    while not answers(program.port):
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = program.process.wait(POLL_SECONDS)
            raise NotReady(f"the program ended with code {code}:\n{program.output()}")
        if time.monotonic() > deadline:
            raise NotReady(f"no answer on port {program.port} in {patience_seconds} s:\n{program.output()}")
