"""`python -m bench`: start every server, load them in turn for several rounds, print the tables, keep them in results/.

`--only WORDS` measures the rows whose name matches (a regular expression); what they are compared with comes along.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.door import PASSWORD
from flows.processes import PYTHON, Program, free_port
from postgres_server import running_server

from bench import measure, report, streams
from bench.load import Crowd
from bench.report import Row
from bench.subjects import HELPERS, NEEDS, ON_POSTGRES, SUBJECTS, Live, Subject, command

LIMITS = ("REGISTRATIONS", "AUTHORIZATIONS", "TOKEN_CALLS", "SIGN_INS")
# One address sends all of this load, which the limits are there to stop.
OWNER = {"DOORWARD_OWNER_PASSWORD": PASSWORD} | {f"DOORWARD_LIMIT_{each}_PER_MINUTE": "0" for each in LIMITS}
WARM_UP_SECONDS = 0.5
DOORWARD = [PYTHON, "-m", "doorward", "serve"]
SAMPLE = "tests/flows/servers/fastmcp_server.py"
PLACE = ["--port", "{port}", "--data-dir", "{folder}"]
STARTS = {
    "FastMCP alone": [PYTHON, "-W", "ignore", SAMPLE, "--port", "{port}"],
    "Doorward in front of a URL": [*DOORWARD, "http://127.0.0.1:9/mcp", *PLACE],
    "Doorward around a FastMCP file": [*DOORWARD, SAMPLE, *PLACE],
}


@dataclass
class Running:
    """The servers that were started, by name."""

    programs: dict[str, Program]
    folders: dict[str, Path]


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one round of one row")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only", default="", help="a regular expression; default: every row")
    parser.add_argument("--no-figures", action="store_true", help="leave out start, import and package figures")
    chosen = parser.parse_args(arguments)
    subjects = select(chosen.only)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as stack:
        found = {} if chosen.no_figures else idle_figures(Path(folder))
        stack.enter_context(measure.on_core(measure.LOAD_CORE))
        running = start(subjects, Path(folder), stack)
        rows = load(subjects, running, chosen)
    text = f"{heading(chosen)}\n\n{report.table(rows)}\n"
    if found:
        text += f"\n{report.figures(found)}\n"
    print(text)
    keep(text, rows)
    return 0


def select(pattern: str) -> list[Subject]:
    """Return the subjects that match, and those they are compared with, in the order of the table."""
    wanted = {one.name for one in SUBJECTS if re.search(pattern, one.name, re.IGNORECASE)}
    wanted |= {one.base for one in SUBJECTS if one.name in wanted and one.base}
    return [one for one in SUBJECTS if one.name in wanted]


def start(subjects: Sequence[Subject], folder: Path, stack: contextlib.ExitStack) -> Running:
    """Start the servers that the subjects need, helpers first."""
    measured = list(dict.fromkeys(one.server for one in subjects))
    helpers = list(dict.fromkeys(need for server in measured for need in NEEDS.get(server, [])))
    ports = {name: free_port() for name in [*helpers, *measured]}
    running = Running({}, {name: folder / name for name in ports})
    database = {}
    if ON_POSTGRES in measured:
        with measure.on_core(measure.LOAD_CORE):
            server = stack.enter_context(running_server(fsync=True))
            database = {"DOORWARD_DATABASE": server.url(server.new_database())}
    for name, port in ports.items():
        running.folders[name].mkdir()
        core = measure.LOAD_CORE if name in HELPERS else measure.SUBJECT_CORE
        words = command(name, port, running.folders[name], folder, ports)
        env = OWNER | (database if name == ON_POSTGRES else {})
        program = measure.running(words, port, running.folders[name], core=core, env=env)
        running.programs[name] = stack.enter_context(program)
    return running


def load(subjects: Sequence[Subject], running: Running, chosen: argparse.Namespace) -> list[Row]:
    """Load each subject in turn, round after round, so that a disturbance hits all alike."""
    rows, crowds = [Row(one) for one in subjects], {}
    for row in rows:
        subject, program = row.subject, running.programs[row.subject.server]
        live = Live(program.port, running.folders[subject.server], subject.connections or chosen.connections)
        try:
            crowds[subject.name] = Crowd(program.port, subject.prepare(live))
            crowds[subject.name].run(WARM_UP_SECONDS)
        except Exception as problem:
            problem.add_note(f"while preparing `{subject.name}`; the server printed:\n{program.output()[-3000:]}")
            raise
    for number in range(chosen.rounds):
        for row in rows:
            measure_once(row, running.programs[row.subject.server], crowds[row.subject.name], chosen.seconds)
        print(f"round {number + 1} of {chosen.rounds} done", file=sys.stderr)
    return rows


def measure_once(row: Row, program: Program, crowd: Crowd, seconds: float) -> None:
    """Run one round of one subject and add its figures."""
    before = measure.cpu_seconds(program.process.pid)
    sample = crowd.run(seconds)
    spent = measure.cpu_seconds(program.process.pid) - before
    if not sample.units:
        raise RuntimeError(f"`{row.subject.name}` finished nothing in {seconds} s")
    row.cpu_us.append(spent / sample.units * 1e6)
    row.per_second.append(sample.units / sample.seconds)
    row.p50_ms.append(sample.percentile(0.50))
    row.p99_ms.append(sample.percentile(0.99))
    row.resident_mib.append(measure.resident_mib(program.process.pid))


def idle_figures(folder: Path) -> dict[str, str]:
    """Take the figures that need no load."""
    found = {}
    for name, words in STARTS.items():
        seconds, memory = measure.start_seconds(words, folder / "starts" / name.replace(" ", "-"), OWNER)
        found[f"{name}: start to first answer"] = f"{seconds:.2f} s"
        found[f"{name}: resident memory at rest"] = f"{memory:.0f} MiB"
    for module in ("doorward.cli.main", "fastmcp"):
        found[f"import {module}"] = f"{measure.import_seconds(module):.2f} s"
    found["one password hash (CPU)"] = f"{measure.hash_milliseconds():.1f} ms"
    for name in ("raw", "door_open_proxy"):
        found[f"idle open stream, {name}"] = f"{streams.kib_each(name, folder / 'streams' / name):.0f} KiB"
    found["packages in a bare install"] = str(len(measure.packages_in_a_bare_install()))
    return found


def heading(chosen: argparse.Namespace) -> str:
    """Say under what conditions the table came to be."""
    return (
        f"Python {platform.python_version()}, {platform.machine()}; {chosen.rounds} rounds of {chosen.seconds} s, "
        f"{chosen.connections} connections; CPU is user and system time of the measured process and its children; "
        "every body checked. The load itself can ask for about 25 000 units/s: faster rows are bounded by it."
    )


def keep(text: str, rows: Sequence[Row]) -> None:
    """Write the tables and the raw figures to `results/`, which is not under version control."""
    folder = measure.ROOT / "results"
    folder.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    (folder / f"bench-{stamp}.md").write_text(text)
    raw = [{**asdict(row), "subject": row.subject.name} for row in rows]
    (folder / f"bench-{stamp}.json").write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
