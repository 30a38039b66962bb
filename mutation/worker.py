"""One worker: it imports what other packages the tests need once, then forks a process for each run of pytest.

`python -m mutation.worker COPY` reads runs as JSON lines (`arguments`, `seconds`, `compile`) and answers each with a
line (`code`, `seconds`, `output`). The forked process imports Doorward and the tests fresh, from the copy.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

TAIL_CHARACTERS = 2_000
TIMED_OUT = -1
BROKEN = 3
PRELOADED = frozenset(
    {
        "anyio", "argon2", "cffi", "click", "cryptography", "h11", "httpcore2", "httptools", "httpx2", "idna", "jinja2",
        "joserfc", "markupsafe", "msgspec", "pyasn1", "sniffio", "starlette", "trustme", "uvicorn", "uvloop",
    }
)  # fmt: skip
"""Packages to import before the fork. What is first of all a plugin of pytest is left to pytest."""
OPTIONS = ("-q", "-p", "no:randomly", "-p", "mutation.selection", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""anyio, which is imported before the fork, brings a plugin, and pytest would have rewritten its asserts."""
FIRST = ("attacks/test_authorize_attacks.py", "attacks/test_outgoing_attacks.py", "oauth/grants/test_id_jag.py")
"""Tests whose imports stand for those of most others."""


def main() -> int:
    """Answer runs until the input ends."""
    copy = Path(sys.argv[1])
    os.chdir(copy)
    sys.path[:0] = [str(copy / "src"), str(copy)]
    os.environ["PYTHONPATH"] = str(copy / "src")
    replies = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    warm_up(copy)
    for line in sys.stdin:
        run = json.loads(line)
        # Only a run without a mutant may leave compiled modules in the copy: a later run would load the mutant's.
        sys.dont_write_bytecode = not run["compile"]
        os.environ["PYTHONDONTWRITEBYTECODE"] = "" if run["compile"] else "1"
        replies.write(json.dumps(attempt(run["arguments"], run["seconds"])) + "\n")
    return 0


def warm_up(copy: Path) -> None:
    """Import the packages that the tests bring in, so that no run has to; none of them may start a thread."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as names:
        arguments = ["--collect-only", "-q", *(f"tests/{name}" for name in FIRST)]
        attempt(arguments, 120, names_of_modules=names.name)
        found = names.read().split()
    for name in found:
        if name.partition(".")[0] in PRELOADED | sys.stdlib_module_names:
            try:
                importlib.import_module(name)
            except ImportError:
                continue
    if threading.active_count() > 1:
        raise RuntimeError(f"an import started a thread, so this process must not fork: {threading.enumerate()}")
    if any(name.partition(".")[0] == "doorward" for name in sys.modules):
        raise RuntimeError(f"Doorward was imported before the fork, from {copy}")


def attempt(arguments: list[str], seconds: float, names_of_modules: str = "") -> dict[str, Any]:
    """Run pytest in a forked process and return its exit code, its time and the end of its output."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.setsid()
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            try:
                code = inside(arguments, names_of_modules)
            except BaseException:  # noqa: BLE001, whatever it is, this process must not go on as its parent
                traceback.print_exc()
                code = BROKEN
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        code = wait(child, seconds)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return {"code": code, "seconds": time.monotonic() - began, "output": text[-TAIL_CHARACTERS:]}


def inside(arguments: list[str], names_of_modules: str) -> int:
    """Be the forked process: run pytest and return its exit code."""
    code = int(pytest.main([*OPTIONS, *arguments]))
    if names_of_modules:
        Path(names_of_modules).write_text("\n".join(sys.modules), encoding="utf-8")
    return code


def wait(child: int, seconds: float) -> int:
    """Wait for a process, and end it with all that it started when its time is over."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            end_group(child)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    end_group(child)
    os.waitpid(child, 0)
    return TIMED_OUT


def end_group(leader: int) -> None:
    """End whatever is left of a process group."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


if __name__ == "__main__":
    sys.exit(main())
