"""`python -m bench.doctor`: what one examination by `doorward check` costs, as a command, start included.

Wall clock and processor time of the command, its peak of resident memory and the requests that reached the server:
the median of several rounds, each server on this machine. Nothing is signed in.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from doctor.hostile import measured
from flows.door import serving as serving_door
from flows.foreign import python_server
from flows.processes import PYTHON, ROOT, free_port, started

from testbed.__main__ import SERVERS
from testbed.serving import serving

CHECK = (PYTHON, "-m", "doorward", "check")
WALL_SECONDS, CPU_SECONDS = 1.5, 0.6
"""The promise for a good server on this machine."""
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """What one examination took."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    findings: int


@contextlib.contextmanager
def of_the_test_bed(name: str) -> Iterator[str]:
    """Serve one of the test bed in a process of its own."""
    port = free_port()
    while not is_free(port + 1):
        port = free_port()
    with started([PYTHON, "-m", "testbed", name, "--port", str(port)], port=port) as program:
        yield program.url()


def is_free(port: int) -> bool:
    """Return whether nobody has the port: a server of the test bed has two, one after the other."""
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


@contextlib.contextmanager
def door(auth: str) -> Iterator[str]:
    """Serve the first example."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        running = stack.enter_context(serving_door("examples/01_fastmcp.py", data_dir=Path(folder), auth=auth))
        yield running.url


@contextlib.contextmanager
def fastmcp() -> Iterator[str]:
    """Serve FastMCP with its provider in memory."""
    with python_server("in_memory_server") as program:
        yield program.url()


SUBJECTS = {
    "test bed, both eras, sign-in": lambda: of_the_test_bed("both-eras"),
    "test bed, both eras, open": lambda: of_the_test_bed("both-eras-open"),
    "test bed, handshake era, sign-in": lambda: of_the_test_bed("legacy"),
    "Doorward, sign-in": lambda: door("oauth"),
    "Doorward, open": lambda: door("none"),
    "FastMCP, provider in memory": fastmcp,
}


def examined(url: str) -> Cost:
    """Run the command once."""
    begin = time.perf_counter()
    words = [PYTHON, measured.__file__, *CHECK, url, "--json"]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    wall = time.perf_counter() - begin
    report, _, last = done.stdout.rstrip("\n").rpartition("\n")
    used, said = json.loads(last), json.loads(report)
    if said["faults"]:
        raise RuntimeError(f"{url}: {said['faults']}")
    return Cost(wall, used["cpu_seconds"], used["peak_bytes"], len(said["findings"]))


async def requests_of(name: str) -> int:
    """Count the requests of one examination of a server of the test bed."""
    seen = []

    class Counting(SERVERS[name]):
        def everything(self, request):
            seen.append(request.url)
            return super().everything(request)

    async with serving(Counting) as url:
        process = await asyncio.create_subprocess_exec(*CHECK, url, "--json", stdout=asyncio.subprocess.DEVNULL)
        await process.wait()
    return len(seen)


def main(arguments: Sequence[str]) -> int:
    """Print the table; returns 1 when a good server costs more than is promised."""
    parser = argparse.ArgumentParser(prog="python -m bench.doctor", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args(arguments).rounds
    print(f"{'`doorward check` at':<34}{'wall':>9}{'CPU':>9}{'peak':>9}  findings")
    late = 0
    for name, start in SUBJECTS.items():
        with start() as url:
            examined(url)
            costs = [examined(url) for _ in range(rounds)]
        wall, cpu = (statistics.median(map(pick, costs)) for pick in (_wall, _cpu))
        peak = max(cost.peak_bytes for cost in costs) / MEBIBYTE
        print(f"{name:<34}{wall:7.2f} s{cpu:7.2f} s{peak:6.0f} MB  {costs[0].findings}", flush=True)
        late += wall > WALL_SECONDS or cpu > CPU_SECONDS
    for name in ("both-eras", "both-eras-open"):
        print(f"requests at {name}: {asyncio.run(requests_of(name))}")
    print(f"promised: {WALL_SECONDS} s, {CPU_SECONDS} s of CPU; {late} over it")
    return 1 if late else 0


def _wall(cost: Cost) -> float:
    return cost.wall_seconds


def _cpu(cost: Cost) -> float:
    return cost.cpu_seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
