"""Run the official conformance suite against a server and return its verdicts, scenario by scenario. Needs no network.

The suite sends no `Authorization` header; a protected server is measured through `header_adder.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flows import node

Revision = Literal["2025-11-25", "2026-07-28"]
REVISIONS: tuple[Revision, ...] = ("2025-11-25", "2026-07-28")
_VERDICT = re.compile(r"^[✓✗] (\S+): (\d+) passed, (\d+) failed")
_UNSCORED = re.compile(r"^ +[✓✗] (\S+) \((?:extension|pending|added-after-release)\)")
_LATE = "aborted due to timeout"
PATIENCE_SECONDS = 110


@dataclass(frozen=True)
class Score:
    """The verdicts of one run."""

    required: dict[str, bool]
    """Each scenario that the revision requires: did it pass."""
    unscored: dict[str, bool]
    """Scenarios that ran but do not count: extensions and those the suite's own server cannot pass."""
    checks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Checks passed and failed in each scenario."""
    faults: list[str] = field(default_factory=list, repr=False)
    """Each check that failed, with what the suite says about it."""

    @property
    def passed(self) -> int:
        return sum(self.required.values())

    @property
    def given_up(self) -> list[str]:
        """Name the scenarios that count and that the suite's clock ended: it gave no check, or waited five seconds."""
        late = {fault.partition(": ")[0].removeprefix("server-") for fault in self.faults if fault.endswith(_LATE)}
        return [name for name in self.required if name in late or self.checks[name] == (0, 0)]

    def new_faults(self, other: Score) -> str:
        """Return the failed checks that the other run did not have."""
        known = {fault.split(": ")[1] for fault in other.faults}
        return "\n".join(fault for fault in self.faults if fault.split(": ")[1] not in known)

    def lost_against(self, other: Score, *, unscored: bool = True) -> list[str]:
        """Name each scenario in which this run passed fewer checks, or failed more, than the other."""
        nothing = (0, 0)
        lost = []
        for name, (passed, failed) in other.checks.items():
            if name in other.unscored and not unscored:
                continue
            mine_passed, mine_failed = self.checks.get(name, nothing)
            if mine_passed < passed or mine_failed > failed:
                lost.append(f"{name}: {mine_passed} passed, {mine_failed} failed; was {passed}, {failed}")
        return lost


def run(url: str, revision: Revision) -> Score:
    """Run what `revision` requires of a server at `url`.

    What the suite's own clock gave up is no verdict: where the scenario counts, all are asked for once more.
    """
    node.install()
    score = _run(url, revision)
    return _run(url, revision) if score.given_up else score


def _run(url: str, revision: Revision) -> Score:
    program = node.package("@modelcontextprotocol/conformance", "dist/index.js")
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        done = subprocess.run(
            [str(node.binary()), str(program), "server", "--url", url, "--requirements", revision, "-o", folder],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        faults = [fault for file in sorted(Path(folder).glob("*/checks.json")) for fault in read_faults(file)]
    return parse(done.stdout, faults)


def read_faults(file: Path) -> list[str]:
    """Return the failed checks of one scenario, for people to read."""
    checks = json.loads(file.read_text())
    failed = [check for check in checks if check["status"] in {"FAILURE", "WARNING"}]
    return [f"{file.parent.name.partition('-20')[0]}: {one['id']}: {one.get('errorMessage')}" for one in failed]


def parse(output: str, faults: Sequence[str] = ()) -> Score:
    """Read the summary that the suite prints; raise `ValueError` when there is none."""
    checks: dict[str, tuple[int, int]] = {}
    passed: dict[str, bool] = {}
    unscored: set[str] = set()
    for line in output.partition("=== SUMMARY ===")[2].splitlines():
        if found := _VERDICT.match(line):
            checks[found[1]] = (int(found[2]), int(found[3]))
            passed[found[1]] = line.startswith("✓")
        elif found := _UNSCORED.match(line):
            unscored.add(found[1])
    if not checks:
        raise ValueError(f"the conformance suite gave no summary:\n{output}")
    return Score(
        required={name: good for name, good in passed.items() if name not in unscored},
        unscored={name: good for name, good in passed.items() if name in unscored},
        checks=checks,
        faults=list(faults),
    )


def run_authorization(
    issuer: str, client_id: str, *, resource: str, port: int, visit: Callable[[str], None]
) -> dict[str, list[str]]:
    """Run the suite against an authorization server; return the statuses of each scenario's checks.

    `visit` plays the person: it gets the address that the suite asks somebody to open, and answers its callback on
    `port`.
    """
    node.install()
    program = node.package("@modelcontextprotocol/conformance", "dist/index.js")
    flags = ["--url", issuer, "--client-id", client_id, "--resource", resource, "--port", str(port)]
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        arguments = [str(node.binary()), str(program), "authorization", *flags, "-o", folder]
        with subprocess.Popen(
            arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as suite:
            assert suite.stdout is not None
            for line in suite.stdout:
                if line.startswith(f"{issuer}/authorize?"):
                    visit(line.strip())
        return {
            file.parent.name.removeprefix("authorization-server-").partition("-20")[0]: [
                f"{check['status']} {check.get('errorMessage', '')}".strip() for check in json.loads(file.read_text())
            ]
            for file in sorted(Path(folder).glob("*/checks.json"))
        }
