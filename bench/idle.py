"""The figures that need no load: start, memory at rest, imports, one password hash, idle streams, packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.processes import PYTHON

from bench import measure, streams
from bench.budgets import FASTMCP, FILE, URL, memory_of, start_of, stream_of

DOORWARD = [PYTHON, "-m", "doorward", "serve"]
SAMPLE = "tests/flows/servers/fastmcp_server.py"
PLACE = ["--port", "{port}", "--data-dir", "{folder}"]
STARTS = {
    FASTMCP: [PYTHON, "-W", "ignore", SAMPLE, "--port", "{port}"],
    URL: [*DOORWARD, "http://127.0.0.1:9/mcp", *PLACE],
    FILE: [*DOORWARD, SAMPLE, *PLACE],
}
MODULES = ("doorward.cli.main", "fastmcp")
STREAMING = ("raw", "door_open_proxy")
HASH, PACKAGES = "one password hash (CPU)", "packages in a bare install"


@dataclass(frozen=True)
class Figure:
    """One value and its unit."""

    value: float
    unit: str

    def __str__(self) -> str:
        return f"{self.value:.3g} {self.unit}".strip()


def import_of(module: str) -> str:
    """Return the name of the figure for importing a module."""
    return f"import {module}"


def names() -> list[str]:
    """Return the names of all figures, in the order of the table."""
    started = [name for program in STARTS for name in (start_of(program), memory_of(program))]
    return [*started, *map(import_of, MODULES), HASH, *map(stream_of, STREAMING), PACKAGES]


def figures(wanted: Callable[[str], bool], folder: Path, env: Mapping[str, str]) -> dict[str, Figure]:
    """Take those figures whose names are wanted."""
    found = {}
    for program, words in STARTS.items():
        if wanted(start_of(program)) or wanted(memory_of(program)):
            seconds, memory = measure.start_seconds(words, folder / "starts" / program.replace(" ", "-"), env)
            found[start_of(program)] = Figure(seconds, "s")
            found[memory_of(program)] = Figure(memory, "MiB")
    for module in MODULES:
        if wanted(import_of(module)):
            found[import_of(module)] = Figure(measure.import_seconds(module), "s")
    if wanted(HASH):
        found[HASH] = Figure(measure.hash_milliseconds(), "ms")
    for server in STREAMING:
        if wanted(stream_of(server)):
            found[stream_of(server)] = Figure(streams.kib_each(server, folder / "streams" / server), "KiB")
    if wanted(PACKAGES):
        found[PACKAGES] = Figure(len(measure.packages_in_a_bare_install()), "")
    return found
