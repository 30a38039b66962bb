"""What people and programs see of a report: lines, JSON, grades, exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
from doctor.every_report import SERVERS, report_of
from doctor.on_a_port import on_a_port
from flows.processes import PYTHON, ROOT, free_port

from doorward.doctor.engine.check import Finding, Picture
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import ClientVerdict, Report, examine
from doorward.doctor.report.formats import as_json, as_lines, finding_lines, findings_of
from doorward.doctor.report.verdicts import GRADES, outcomes
from testbed.broken import BROKEN
from testbed.good import ORIGIN, Good

SCHEMA = json.loads((ROOT / "docs" / "check.schema.json").read_text(encoding="utf-8"))
EVERYONE = tuple(profiles())


async def examined(server: Good, **picture) -> Report:
    return await examine(Picture(f"{ORIGIN}/mcp", **picture), server.send)


def finding(verdict="broken", severity="blocker", clients=EVERYONE, rule="DSC-01", **more) -> Finding:
    words = {"summary": "It is so.", "evidence": ("> GET https://x/",), "fix": "Change it.", "spec": "RFC 9728 s3.3"}
    return Finding(rule=rule, severity=severity, verdict=verdict, clients=clients, **(words | more))


def report(*findings: Finding, crashed=(), reachable=True, names=EVERYONE) -> Report:
    return Report(
        url=f"{ORIGIN}/mcp",
        findings=findings,
        clients={name: ClientVerdict("connects", None) for name in names},
        not_checked={},
        crashed=crashed,
        reachable=reachable,
    )


def documented(value: object, schema: dict, path: str = "$") -> None:
    """Assert that each member of a value is described."""
    if isinstance(value, dict) and "properties" in schema:
        assert set(value) == set(schema["properties"]), path
        for name, member in value.items():
            documented(member, schema["properties"][name], f"{path}.{name}")
    elif isinstance(value, dict):
        for name, member in value.items():
            documented(member, schema["additionalProperties"], f"{path}.{name}")
    elif isinstance(value, list):
        for member in value:
            documented(member, schema["items"], f"{path}[]")


@pytest.mark.parametrize("name", SERVERS)
async def test_the_schema_describes_what_is_printed_and_nothing_else(name):
    found = await report_of(name)
    printed = json.loads(json.dumps(as_json(found)))
    assert list(finding_lines(findings_of(printed["findings"]))) == list(finding_lines(found.findings))
    jsonschema.Draft202012Validator(SCHEMA).validate(printed)
    documented(printed, SCHEMA)


def test_the_shape_that_others_rely_on_is_required():
    assert SCHEMA["required"] == ["version", "url", "findings", "clients"]
    one = SCHEMA["properties"]["findings"]["items"]["required"]
    assert one == ["rule", "severity", "verdict", "clients", "summary", "evidence", "fix", "explains"]
    assert SCHEMA["properties"]["clients"]["additionalProperties"]["required"] == ["verdict", "stops_at"]
    assert SCHEMA["properties"]["version"] == {"const": 1}


@pytest.mark.parametrize("width", [50, 80])
@pytest.mark.parametrize("name", SERVERS)
async def test_no_line_is_wider_than_the_terminal(name, width):
    for line in as_lines(await report_of(name), width=width):
        assert len(line) <= width
        assert line == line.rstrip()


async def test_colours_change_nothing_but_the_colour():
    found = await examined(BROKEN["DSC-07"].server())
    coloured = "\n".join(as_lines(found, colour=True))
    assert "\x1b[1;31mblocker\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]+m", "", coloured) == "\n".join(as_lines(found))


def test_long_evidence_is_shortened_unless_all_of_it_is_wanted():
    found = report(finding(evidence=tuple(f"< line {number}" for number in range(40))))
    short, whole = "\n".join(as_lines(found)), "\n".join(as_lines(found, whole=True))
    assert "… 29 more lines (--verbose)" in short
    assert "< line 39" not in short
    assert "more lines" not in whole
    assert "< line 39" in whole


async def test_the_first_thing_to_read_is_who_connects_and_the_next_what_to_fix_first():
    lines = list(as_lines(await examined(BROKEN["DSC-07"].server())))
    assert lines[0] == f"{ORIGIN}/mcp"
    assert lines[2] == "  F  Claude          stops at authorization server metadata (DSC-07)"
    assert "  A  Cursor          connects as far as sign-in" in lines
    assert lines.index("5 of 11 clients cannot connect.") < next(i for i, x in enumerate(lines) if x.startswith("1. "))


async def test_a_rule_that_was_not_looked_at_is_never_called_passed():
    found = await examined(BROKEN["TLS-02"].server())
    kinds = {each.rule.id: each for each in outcomes(found)}
    assert kinds["TLS-02"].kind == "failed"
    assert {each.kind for name, each in kinds.items() if name != "TLS-02"} == {"skipped"}
    assert kinds["DSC-01"].why == "The server cannot be reached."


async def test_a_hop_where_a_check_fell_over_is_not_called_passed():
    class Odd(Good):
        async def send(self, request):
            if "/authorize" in request.url:
                raise RuntimeError("the network fell over")
            return await super().send(request)

    kinds = {each.rule.id: each for each in outcomes(await examined(Odd()))}
    assert (kinds["AUT-01"].kind, kinds["AUT-01"].why) == ("skipped", "This hop was not examined to its end.")
    assert kinds["DSC-03"].kind == "passed"


async def test_what_stops_a_client_is_named_before_what_may():
    class Twice(BROKEN["DSC-07"].server, BROKEN["TRN-04"].server):
        pass

    found = await examined(Twice())
    assert found.clients["codex"] == ClientVerdict("stops", "authorization server metadata", "DSC-07")
    assert found.clients["cursor"] == ClientVerdict("may fail", "transport", "TRN-04")


async def test_a_folded_rule_points_to_its_cause():
    found = {each.rule.id: each for each in outcomes(await examined(BROKEN["NET-02"].server()))}
    assert found["DSC-03"].kind == "skipped"
    assert found["DSC-03"].why == "Follows from NET-02."


def check(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-m", "doorward", "check", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("option", ["--html", "--junit"])
def test_a_path_that_cannot_be_written_is_wrong_usage_before_anything_is_asked(tmp_path, option):
    with on_a_port(Good) as server:
        done = [check(server.url, option, str(path)) for path in (tmp_path / "missing" / "report", tmp_path)]
        asked = len(server.requests)
        check(server.url)
    assert [each.returncode for each in done] == [2, 2]
    assert all(f"{option} cannot write to" in each.stderr for each in done)
    assert asked == 0
    assert server.requests
    assert list(tmp_path.iterdir()) == []


def test_two_reports_do_not_go_to_one_file(tmp_path):
    done = check(f"http://127.0.0.1:{free_port()}/mcp", "--html", f"{tmp_path}/x", "--junit", f"{tmp_path}/./x")
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_the_files_are_there_whole_and_nothing_else(tmp_path):
    (tmp_path / "report.html").write_text("older")
    with on_a_port(Good) as server:
        done = check(server.url, "--html", f"{tmp_path}/report.html", "--junit", f"{tmp_path}/report.xml")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.xml"]
    assert (tmp_path / "report.html").read_text().endswith("</html>")
    assert (tmp_path / "report.xml").read_text().endswith("</testsuites>\n")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_a_report_can_go_to_a_stream(tmp_path):
    done = check(f"http://127.0.0.1:{free_port()}/mcp", "--junit", "/dev/stderr")
    assert done.returncode == 1
    assert done.stderr.endswith("</testsuites>\n")


def test_a_report_that_goes_where_the_text_goes_replaces_nothing(tmp_path):
    with (tmp_path / "both").open("w") as both:
        words = [PYTHON, "-m", "doorward", "check", f"http://127.0.0.1:{free_port()}/mcp", "--junit", "/dev/stdout"]
        subprocess.run(words, cwd=ROOT, stdout=both, timeout=60, check=False)
    text = (tmp_path / "both").read_text()
    assert text.index("TLS-02") < text.index("<?xml")
    assert [path.name for path in tmp_path.iterdir()] == ["both"]


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """Return what a person sees, progress and result."""
    ours, theirs = pty.openpty()
    words = [PYTHON, "-m", "doorward", "check", *arguments]
    env = {**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment}
    process = subprocess.Popen(words, cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while read := os.read(ours, 65536):
            seen += read
    os.close(ours)
    process.wait(60)
    return seen.decode()


def test_a_terminal_shows_a_line_for_each_stage_and_colours():
    with on_a_port(BROKEN["DSC-07"].server) as server:
        plain, coloured = on_a_terminal(server.url, NO_COLOR="1"), on_a_terminal(server.url)
    assert re.search(r"\[1/\d+\] network and TLS", plain)
    assert "registration" in plain.partition(f"{server.url}\r\n")[0]
    assert "\x1b" not in plain
    assert "\x1b[1;31mF\x1b[0m" in coloured


def test_the_grades_are_documented_with_the_schema():
    described = SCHEMA["properties"]["clients"]["additionalProperties"]["properties"]["grade"]
    assert described["enum"] == list(GRADES)
    assert Path(ROOT / "docs" / "check.schema.json").read_text(encoding="utf-8").endswith("}\n")
