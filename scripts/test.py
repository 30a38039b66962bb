"""Run every test: make sure the foreign programs are there, run pytest in layers, and tell where the time went.

Arguments go to pytest; when they name a path, only that is run, in one layer. Exit code: pytest's, or 1 when a
program is missing that this script may not install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LAYERS = {
    "unit": ["tests", "--ignore=tests/flows", "--ignore=tests/browser", "-n", "2"],
    "flows": ["tests/flows", "--ignore=tests/flows/test_conformance.py", "-n", "2"],
    "conformance": ["tests/flows/test_conformance.py"],
    "browser": ["tests/browser"],
}
"""What runs together. The browser has a core for itself, and so has the conformance suite, whose clock is strict."""
SIDE_BY_SIDE = ("conformance", "browser")
"""Layers that use one core each: the first runs while the second does, and is shown after it."""
PROXIES = ("nginx", "caddy", "haproxy")
SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
NO_TESTS = 5  # pytest's exit code when a selection matched nothing


def main(arguments: Sequence[str]) -> int:
    """Prepare, run, and print one line per step with its seconds."""
    spent: dict[str, float] = {}
    try:
        timed(spent, "npm packages", install_npm_packages)
        timed(spent, "chromium", require_browser)
        timed(spent, "proxies", require_proxies)
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        return 1
    chosen = {name: [*selection, *arguments] for name, selection in layers(arguments).items()}
    pair = [chosen.pop(name) for name in SIDE_BY_SIDE] if chosen.keys() >= set(SIDE_BY_SIDE) else []
    codes = [timed(spent, name, lambda selection=selection: pytest(selection)) for name, selection in chosen.items()]
    if pair:
        codes += timed(spent, " and ".join(SIDE_BY_SIDE), lambda: both(*pair))
    print("\n".join(f"{seconds:7.1f} s  {name}" for name, seconds in spent.items()))
    ran = [code for code in codes if code != NO_TESTS]
    return max(ran, default=NO_TESTS)


def layers(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the layers to run: all that exist, or one when a path was named."""
    if any((ROOT / argument.partition("::")[0]).exists() for argument in arguments if not argument.startswith("-")):
        return {"tests": []}
    return {name: chosen for name, chosen in LAYERS.items() if (ROOT / chosen[0]).exists()}


def timed(spent: dict[str, float], name: str, work: Callable[[], T]) -> T:
    """Do the work and note how long it took."""
    begin = time.monotonic()
    try:
        return work()
    finally:
        spent[name] = time.monotonic() - begin


def pytest(arguments: Sequence[str]) -> int:
    """Run pytest and return its exit code."""
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *arguments], cwd=ROOT, check=False).returncode


def both(first: Sequence[str], second: Sequence[str]) -> tuple[int, int]:
    """Run pytest twice at the same time; return both exit codes."""
    with tempfile.TemporaryFile() as shown:
        command = [sys.executable, "-m", "pytest", "-q", *first]
        with subprocess.Popen(command, cwd=ROOT, stdout=shown, stderr=subprocess.STDOUT) as beside:
            code = pytest(second)
        shown.seek(0)
        print(shown.read().decode("utf-8", "replace"), end="")
    return beside.returncode, code


def install_npm_packages() -> None:
    """Install the official clients, servers and the conformance suite, once per lock file."""
    done = subprocess.run(
        [sys.executable, "tests/flows/node.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(done.stdout, end="")
    if done.returncode:
        raise RuntimeError(f"The npm packages of tests/node could not be installed: {done.stderr.strip()}")


def require_browser() -> None:
    """Make sure that Chromium is there; install it where that is allowed, else say what to install."""
    if not any(map(shutil.which, BROWSERS)):
        install("Chromium is needed for the browser tests", ["chromium"])


def require_proxies() -> None:
    """Make sure that the proxies are there which people put in front of a door."""
    missing = [name for name in PROXIES if shutil.which(name, path=SYSTEM_PATH) is None]
    if missing:
        install("Real proxies are needed for the tests of framings", missing)


def install(why: str, packages: Sequence[str]) -> None:
    """Install Debian packages where that is allowed, else say what to install. Starts none of their services."""
    names = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError(f"{why}: install {names}, then run again.")
    print(f"Installing {names} (once) ...", flush=True)
    # Exit code 101 of this file forbids the packages to start what they bring: nobody here asked for a web server.
    policy = Path("/usr/sbin/policy-rc.d")
    is_ours = not policy.exists()
    if is_ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"`{' '.join(command)}` failed: {done.stderr.strip().splitlines()[-1:]}")
    finally:
        if is_ours:
            policy.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
