"""The page about `doorward check`: its commands run, its transcript is true, and no option is left out."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from doctor.on_a_port import on_a_port
from flows.processes import ROOT

from doorward.cli.check import command
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import examine
from doorward.doctor.report.formats import as_lines
from doorward.doctor.report.verdicts import GRADES
from testbed.broken import BROKEN
from testbed.good import Good

PAGE = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
URL = "https://mcp.example.com/mcp"
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]
WITH_A_PERSON = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines()
BIN = Path(sys.executable).parent


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("doorward")])
def test_each_command_does_what_it_says(tmp_path, line):
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    with on_a_port(Good) as server:
        server.now = time.time()
        token = server.issue({"grant": "one", "client_id": "one", "scope": ["mcp"]}).json["access_token"]
        (tmp_path / "token.txt").write_text(token)
        words = shlex.split(line.replace(URL, server.url))
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("line", WITH_A_PERSON)
def test_what_needs_a_person_or_minutes_is_spelt_as_the_command_line_wants_it(line):
    _, _, *words = shlex.split(line)
    with command.make_context("check", words) as context:
        assert context.params["login"] or context.params["repeat"]


async def test_the_transcript_is_what_is_printed():
    (shown,) = re.findall(r"```text\n(.*?)\n```", PAGE, re.DOTALL)
    report = await examine(Picture(URL), BROKEN["DSC-01"].server().send)
    assert "\n".join(as_lines(report)).startswith(shown)


def test_what_people_say_leads_where_the_tests_of_the_symptoms_lead():
    rows = [line for line in PAGE.splitlines() if line.count("](rules/") and line.startswith("| ")]
    tests = (ROOT / "tests" / "doctor" / "test_symptoms.py").read_text(encoding="utf-8")
    for number, row in enumerate(rows, 1):
        named = set(re.findall(r"\[([A-Z]+-\d+)\]", row))
        bodies = re.findall(rf"async def test_t{number}_.*?(?=\n\n\n|\Z)", tests, re.DOTALL)
        parametrized = re.findall(rf'parametrize\("rule", \[([^\]]*)\]\)\nasync def test_t{number}_', tests)
        shown = set(re.findall(r'"([A-Z]+-\d+)"', " ".join(bodies + parametrized)))
        assert shown, number
        assert shown <= named, number
    assert len(rows) == 10


def test_the_readme_shows_a_part_of_it():
    (shown,) = re.findall(r"```text\n(1\. .*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert shown in PAGE


def test_every_option_client_and_grade_is_there():
    for option in [name for each in command.params for name in each.opts if name.startswith("--")]:
        assert option in PAGE, option
    for name in profiles():
        assert f"`{name}`" in PAGE
    for letter in GRADES:
        assert f"\n| {letter} | " in PAGE


def test_the_page_names_the_module_that_serves_the_test_bed():
    assert [line for line in COMMANDS if not line.startswith("doorward")] == ["python -m testbed DSC-01 --port 8080"]
    assert (ROOT / "testbed" / "__main__.py").exists()
