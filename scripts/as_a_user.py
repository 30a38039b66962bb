"""Do what the README tells a new user to do, in an empty environment, with plain pip and nothing else.

Builds the wheel, installs it with the packages that the README's `pip install` line names, runs `pip check`, and
starts the README's first transcript on a terminal. Prints one line per step with its seconds; the first step that does
not do what the README says ends the run with exit code 1.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
START_SECONDS = 60.0
SECRET = re.compile(r"(?<=password )\S+")
T = TypeVar("T")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class NotAsWritten(Exception):
    """Something does not do what the README says."""


def main() -> int:
    """Run the steps in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="doorward-user-") as directory:
        place = Path(directory)
        try:
            wheel = timed("build the wheel", build, place)
            environment = timed("install it with plain pip", install, place, wheel)
            timed("run the README's first transcript", transcript, place, environment)
        except (NotAsWritten, subprocess.CalledProcessError) as problem:
            print(f"As a new user: {problem}\n{getattr(problem, 'stderr', None) or ''}", file=sys.stderr)
            return 1
    return 0


def timed(name: str, work: Callable[..., T], *arguments: object) -> T:
    """Do one step and print how long it took."""
    begin = time.monotonic()
    result = work(*arguments)
    print(f"{time.monotonic() - begin:7.1f} s  {name}", flush=True)
    return result


def build(place: Path) -> Path:
    """Return the wheel, built from the files that git knows, as from a fresh clone."""
    source = place / "clone"
    listed = run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT).splitlines()
    for name in filter(lambda each: (ROOT / each).is_file(), listed):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    run([sys.executable, "-m", "venv", str(place / "builder")])
    run([str(place / "builder" / "bin" / "pip"), "wheel", "-q", "--no-deps", "-w", str(place), str(source)])
    (wheel,) = place.glob("*.whl")
    return wheel


def install(place: Path, wheel: Path) -> Path:
    """Install what the README's line names, with the wheel for the clone; return the environment's programs."""
    (named,) = re.findall(r"^\$ pip install \. ?(.*)$", README, re.MULTILINE)
    venv.create(place / "environment", with_pip=True)
    programs = place / "environment" / "bin"
    run([str(programs / "pip"), "install", "-q", "--disable-pip-version-check", str(wheel), *named.split()])
    run([str(programs / "pip"), "check"])
    return programs


def transcript(place: Path, programs: Path) -> None:
    """Start the command of the first transcript on a terminal and compare what it prints, line by line."""
    block = re.search(r"```console\n(.*?)```", README, re.DOTALL)
    assert block is not None
    command, *shown = block.group(1).rstrip().splitlines()
    expected = [line.strip() for line in shown if line.strip()]
    port = free_port()
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PORT": str(port)}
    terminal, other = pty.openpty()
    process = subprocess.Popen(
        command.removeprefix("$ ").split(),
        cwd=place / "clone",
        env=environment,
        stdin=other,
        stdout=other,
        stderr=other,
    )
    os.close(other)
    try:
        printed = read_until(terminal, expected[-1].replace("8000", str(port)))
        lines = [line.strip() for line in printed.replace(str(port), "8000").splitlines() if line.strip()]
        compare(expected, lines)
        answers(port)
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
        os.close(terminal)
    if code:
        raise NotAsWritten(f"Ctrl-C ended the server with exit code {code}.")


def read_until(terminal: int, last: str) -> str:
    """Return what the terminal shows up to the line `last`, without colours."""
    seen, deadline = "", time.monotonic() + START_SECONDS
    while last not in COLOUR.sub("", seen):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        try:
            piece = os.read(terminal, 65536) if ready else b""
        except OSError:  # the program has ended
            piece = b""
        if not piece:
            raise NotAsWritten(f"The server did not print {last!r}. It printed:\n{seen}")
        seen += piece.decode()
    return COLOUR.sub("", seen)


def compare(expected: Sequence[str], lines: Sequence[str]) -> None:
    """Find every line of the README's transcript, in order, among what was printed."""
    rest = iter(SECRET.sub("SECRET", line) for line in lines)
    for line in expected:
        if SECRET.sub("SECRET", line) not in rest:
            raise NotAsWritten(f"The README shows {line!r}; the server did not print it there.")


def answers(port: int) -> None:
    """Ask as a client does first: a challenge, and the document that it names."""
    url = f"http://127.0.0.1:{port}"
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}/mcp", data=b"{}", method="POST"), timeout=10)
    except urllib.error.HTTPError as refused:
        challenge = refused.headers.get("www-authenticate", "")
    else:
        raise NotAsWritten("The door answered without a token.")
    named = re.search(r'resource_metadata="([^"]+)"', challenge)
    if named is None:
        raise NotAsWritten(f"The challenge names no metadata: {challenge}")
    with urllib.request.urlopen(named[1], timeout=10) as reply:
        document = json.load(reply)
    if document["resource"] != f"{url}/mcp":
        raise NotAsWritten(f"The metadata names {document['resource']!r} as the resource.")


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(command: Sequence[str], cwd: Path | None = None) -> str:
    """Run one command and return what it printed."""
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
