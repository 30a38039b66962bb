"""Make the virtual environment that the recipes use: pinned packages with hashes, then the project itself.

`python scripts/bootstrap.py .venv demo` installs what `make demo` needs, and `... dev` all that the tests need. uv
installs if it is on the PATH, because it takes seconds; otherwise pip does. Nothing is resolved: the lock lists every
package, so no release of tomorrow can change or break what is installed.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
OLDEST_PIP_THAT_INSTALLS_ELSEWHERE = (22, 3)
INSTEAD = {
    "demo": "pip install . fastmcp && doorward serve examples/01_fastmcp.py",
    "dev": "pip install -e '.[dev]'",
}


class SetupError(Exception):
    """The environment could not be made; the message is one line for the person at the terminal."""


def main(arguments: Sequence[str]) -> int:
    """Create or refresh the environment; on failure print one line that says what to do."""
    target, lock = Path(arguments[0]), arguments[1]
    try:
        installer = prepare(target)
        what = "the demo" if lock == "demo" else "every test"
        print(f"Installing the pinned packages for {what} into {target} (once) ...", file=sys.stderr)
        run([*installer, *pinned(ROOT / "requirements" / f"{lock}.txt")])
        run([*installer, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    except SetupError as problem:
        print(f"Doorward: {problem} Instead, in an environment of your own: {INSTEAD[lock]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Doorward: stopped. The same command goes on where this one ended.", file=sys.stderr)
        return 130
    return 0


def pinned(lock: Path) -> list[str]:
    """Return the arguments that install a lock as it stands: each package by name, version and hash, none resolved."""
    return ["--no-deps", "--require-hashes", "-r", str(lock)]


def prepare(target: Path) -> list[str]:
    """Create the environment if it is not there, and return the command that installs into it.

    Raises:
        SetupError: this Python is too old, or has neither pip nor a way to get it.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise SetupError(f"Python {sys.version.split()[0]} is too old. Doorward needs 3.11: make PYTHON=python3.11.")
    python = target / "bin" / "python"
    if not python.exists():
        venv.create(target, with_pip=False)
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--quiet", "--python", str(python)]
    # Python compiles what it imports; compiling all of it beforehand takes longer than the first start.
    flags = ["install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    if pip_version() >= OLDEST_PIP_THAT_INSTALLS_ELSEWHERE:
        return [sys.executable, "-m", "pip", "--python", str(python), *flags]
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError("This Python has no pip: install your system's packages python3-pip and python3-venv.")
    run([str(python), "-m", "ensurepip"])
    return [str(python), "-m", "pip", *flags]


def pip_version() -> tuple[int, ...]:
    """Return the version of this Python's pip, or (0,) if it has none."""
    try:
        from pip import __version__ as version
    except ImportError:
        return (0,)
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def run(command: Sequence[str]) -> None:
    """Run one step quietly.

    Raises:
        SetupError: the step failed; holds the last line that it printed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SetupError(f"`{command[0]}` could not be started: {error.strerror}.") from None
    if done.returncode:
        raise SetupError(f"Installing the pinned packages failed ({reason_in(done.stderr or done.stdout)}).")


def reason_in(output: str) -> str:
    """Return the first error that an installer printed, on one line; else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it printed nothing"]
    first = next((number for number, line in enumerate(lines) if line.lower().startswith("error")), len(lines) - 1)
    # An error that ends in a colon names the culprit on the next line.
    length = 2 if lines[first].endswith(":") else 1
    return " ".join(lines[first : first + length]).rstrip(".")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
