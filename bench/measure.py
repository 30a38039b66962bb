"""Processes on their own core, their CPU time and memory, and the figures taken without load.

The measured process and its children get one core, the load and every helper the other.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
from flows.processes import Program, free_port, started
from packaging.requirements import Requirement

from bench.load import request

ROOT = Path(__file__).resolve().parents[1]
SUBJECT_CORE, LOAD_CORE = 0, 1
POLL_SECONDS = 0.001
START_ROUNDS = 5
HASH = """
import time
from doorward.login.local import hash_password
hash_password("warm up")
begin = time.process_time()
for _ in range(20):
    hash_password("correct horse battery staple")
print((time.process_time() - begin) / 20 * 1000)
"""


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Pin this process, and whatever it starts meanwhile, to one core; where that cannot be done, do nothing."""
    if not hasattr(os, "sched_setaffinity") or core not in os.sched_getaffinity(0):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(
    arguments: Sequence[str], port: int, folder: Path, *, core: int, env: Mapping[str, str]
) -> Iterator[Program]:
    """Run a server on one core until the block ends."""
    with contextlib.ExitStack() as stack:
        with on_core(core):
            quiet = {"FASTMCP_LOG_LEVEL": "ERROR", "FASTMCP_HOME": str(folder), "PYTHONWARNINGS": "ignore", **env}
            program = stack.enter_context(started(arguments, port=port, env=quiet))
        yield program


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process and all its descendants, ended ones included."""
    root = psutil.Process(pid)
    times = root.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in root.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            spent = child.cpu_times()
            total += spent.user + spent.system
    return float(total)


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process and all its descendants."""
    root = psutil.Process(pid)
    total = root.memory_info().rss
    for child in root.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += child.memory_info().rss
    return float(total) / 2**20


def start_seconds(arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> tuple[float, float]:
    """Return the median time from start to the first HTTP answer, and the resident memory then, in MiB.

    `{port}` and `{folder}` in the arguments are filled in. Each round starts from nothing.
    """
    seconds, memory = [], []
    for number in range(START_ROUNDS):
        port, own = free_port(), folder / str(number)
        own.mkdir(parents=True)
        filled = [part.format(port=port, folder=own) for part in arguments]
        with on_core(SUBJECT_CORE):
            begin = time.perf_counter()
            process = subprocess.Popen(
                filled,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
            )
        try:
            while not replies(port):
                if process.poll() is not None:
                    raise RuntimeError(f"{filled} ended with code {process.returncode}")
                time.sleep(POLL_SECONDS)
            seconds.append(time.perf_counter() - begin)
            memory.append(resident_mib(process.pid))
        finally:
            process.terminate()
            process.wait()
    return statistics.median(seconds), statistics.median(memory)


def replies(port: int) -> bool:
    """Return whether a server answers a request, with whatever status."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request("GET", "/mcp", port, {"Connection": "close"}))
        return connection.recv(12).startswith(b"HTTP/1.1 ")
    return False


def hash_milliseconds() -> float:
    """Return the CPU time of one password hash, which a sign-in cannot do without."""
    with on_core(SUBJECT_CORE):
        done = subprocess.run([sys.executable, "-c", HASH], check=True, cwd=ROOT, capture_output=True, text=True)
    return float(done.stdout)


def import_seconds(module: str) -> float:
    """Return the median time that importing a module adds to starting Python, with byte code already compiled."""
    return _python_seconds(f"import {module}") - _python_seconds("pass")


def _python_seconds(code: str) -> float:
    spent = []
    with on_core(SUBJECT_CORE):
        for _ in range(START_ROUNDS + 1):
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
            spent.append(time.perf_counter() - begin)
    return statistics.median(spent[1:])


def packages_in_a_bare_install() -> list[str]:
    """Return the packages of `requirements/base.txt` whose markers apply here."""
    text = (ROOT / "requirements" / "base.txt").read_text().replace("\\\n", " ")
    lines = (line.partition(" --hash")[0].strip() for line in text.splitlines())
    wanted = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return sorted(one.name for one in wanted if one.marker is None or one.marker.evaluate())
