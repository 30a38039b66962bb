"""`python -m bench`: start every server, load them in turn for several rounds, print the tables, keep them in results/.

Each budget is a ratio to an anchor of the same run. The command exits 1 when one is missed by more than a tenth.
`--only WORDS` measures the rows, figures and budgets whose name matches (a regular expression); what they are compared
with comes along. `--list` prints the names.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flows.door import PASSWORD
from flows.processes import Program, free_port
from postgres_server import running_server

from bench import anchors, budgets, idle, machine, measure, report
from bench.budgets import BUDGETS, Budget, Judged, Measured
from bench.load import Crowd
from bench.report import Row
from bench.subjects import BEHIND, NEEDS, ON_POSTGRES, SUBJECTS, Live, Subject, command

LIMITS = ("REGISTRATIONS", "AUTHORIZATIONS", "TOKEN_CALLS", "SIGN_INS")
# All load comes from one address, which the rate limits would stop.
OWNER = {"DOORWARD_OWNER_PASSWORD": PASSWORD} | {f"DOORWARD_LIMIT_{each}_PER_MINUTE": "0" for each in LIMITS}
WARM_UP_SECONDS = 0.5


@dataclass
class Running:
    """The running servers, by name."""

    programs: dict[str, Program]
    folders: dict[str, Path]


@dataclass(frozen=True)
class Plan:
    """What one run measures."""

    subjects: tuple[Subject, ...]
    figures: tuple[str, ...]
    budgets: tuple[Budget, ...]


def main(arguments: Sequence[str]) -> int:
    """Measure the selected rows and print them; return 1 if a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=budgets.ROUNDS, help="budgets need at least five")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one round of one row")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only", default="", help="a regular expression; default: every row, figure and budget")
    parser.add_argument("--no-figures", action="store_true", help="leave out start, import and package figures")
    parser.add_argument("--list", action="store_true", help="print the names that --only looks at, and end")
    chosen = parser.parse_args(arguments)
    if chosen.list:
        print("\n".join([*(one.name for one in SUBJECTS), *idle.names(), *(one.work for one in BUDGETS)]))
        return 0
    plan = select(chosen.only)
    plan = possible(plan, anchors.missing(server for one in plan.subjects for server in servers_of(one)))
    if not (plan.subjects or plan.figures or plan.budgets):
        parser.error(f"nothing to measure matches {chosen.only!r}; --list prints the names")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, each start would compile every module again
    conditions = heading(chosen, plan)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as stack:
        wanted = frozenset(() if chosen.no_figures else plan.figures)
        found = idle.figures(wanted.__contains__, Path(folder), OWNER)
        stack.enter_context(measure.on_core(measure.LOAD_CORE))
        running = start(plan.subjects, Path(folder), stack)
        rows = load(plan.subjects, running, chosen)
    measured = Measured({row.subject.name: row.cpu_us for row in rows}, {name: f.value for name, f in found.items()})
    judged = [budgets.judge(budget, measured) for budget in plan.budgets]
    tables = [report.table(rows)] if rows else []
    tables += [report.figures(found)] if found else []
    tables += [budgets.table(judged, measured)] if judged else []
    text = "\n\n".join([conditions, *tables]) + "\n"
    print(text)
    keep(text, conditions, rows, judged)
    return budgets.exit_code(judged)


def select(pattern: str) -> Plan:
    """Return what matches, and what that is compared with, in the order of the tables."""
    matching = re.compile(pattern, re.IGNORECASE).search
    rows = {one.name for one in SUBJECTS if matching(one.name)}
    figures = {name for name in idle.names() if matching(name)}
    chosen = []
    for budget in BUDGETS:
        needs = (*budget.reading.rows, *budget.reading.figures) if budget.reading else ()
        if matching(budget.work) or (needs and needs[0] in rows | figures):
            chosen.append(budget)
            rows |= set(budget.reading.rows) if budget.reading else set()
            figures |= set(budget.reading.figures) if budget.reading else set()
    rows |= {one.base for one in SUBJECTS if one.name in rows and one.base}
    subjects = tuple(one for one in SUBJECTS if one.name in rows)
    return Plan(subjects, tuple(name for name in idle.names() if name in figures), tuple(chosen))


def possible(plan: Plan, lacking: Mapping[str, str]) -> Plan:
    """Return the plan without the rows that need a program which is not here, and say in one line what to install."""
    if not lacking:
        return plan
    kept = tuple(one for one in plan.subjects if not programs_of(one) & set(lacking))
    left_out = [one.name for one in plan.subjects if one not in kept]
    print(f"Left out: {'; '.join(left_out)}. Install {'; '.join(lacking.values())}.", file=sys.stderr)
    return replace(plan, subjects=kept)


def programs_of(subject: Subject) -> set[str]:
    """Return the programs besides Python that a row needs."""
    return {anchors.PROGRAMS[server] for server in servers_of(subject) if server in anchors.PROGRAMS}


def servers_of(subject: Subject) -> list[str]:
    """Return the server of a row and those behind it."""
    return [subject.server, *NEEDS.get(subject.server, [])]


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
        core = measure.LOAD_CORE if name in BEHIND else measure.SUBJECT_CORE
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


def heading(chosen: argparse.Namespace, plan: Plan) -> str:
    """Return the conditions of the run."""
    programs = sorted(set().union(*map(programs_of, plan.subjects)))
    how = (
        f"{chosen.rounds} rounds of {chosen.seconds} s, {chosen.connections} connections; CPU is user and system time "
        "of the measured process and its children; every body checked. The load itself can ask for about 25 000 "
        "units/s: faster rows are bounded by it."
    )
    return "\n".join(
        f"- {line}" for line in (machine.interpreter(), machine.machine(), *anchors.versions(programs), how)
    )


def keep(text: str, conditions: str, rows: Sequence[Row], judged: Sequence[Judged]) -> None:
    """Write the tables and the raw figures to `results/`, which is not under version control."""
    folder = measure.ROOT / "results"
    folder.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    (folder / f"bench-{stamp}.md").write_text(text)
    raw = {
        "conditions": conditions.splitlines(),
        "rows": [{**asdict(row), "subject": row.subject.name} for row in rows],
        "budgets": [{**asdict(one), "budget": one.budget.work} for one in judged],
    }
    (folder / f"bench-{stamp}.json").write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
