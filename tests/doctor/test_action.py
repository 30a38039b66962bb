"""The GitHub Action: its shell is run here as a runner would, with `doorward` on the path."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from doctor.on_a_port import on_a_port
from flows.processes import ROOT, free_port

from doorward.cli.check import command
from testbed.broken import BROKEN
from testbed.good import Good

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
OWN = {"fail-on", "version", "artifact"}
BASH = shutil.which("bash")


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the step with its inputs."""

    def run(url: str, **inputs: str):
        (step,) = [each for each in STEPS if each.get("id") == "check"]
        given = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()} | {"url": url}
        names = {key: re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)[1] for key, value in step["env"].items()}
        files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        environment = {
            **files,
            **{key: given[name] for key, name in names.items()},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(tmp_path),
        }
        return subprocess.run(
            [BASH, "--noprofile", "--norc", "-e", "-c", step["run"]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def outputs(folder: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (folder / "GITHUB_OUTPUT").read_text().splitlines())


def test_inputs_are_options_of_the_command():
    options = {name.removeprefix("--") for each in command.params for name in each.opts}
    assert set(ACTION["inputs"]) - OWN <= options
    assert ACTION["inputs"]["url"]["required"]


def test_no_input_is_part_of_a_script():
    for step in STEPS:
        assert "${{" not in step.get("run", "")
        assert step["name"]
        assert "uses" in step or step["shell"] == "bash"


def test_every_output_is_written_by_the_step():
    script = next(each for each in STEPS if each.get("id") == "check")["run"]
    for each in ACTION["outputs"].values():
        name = re.fullmatch(r"\$\{\{ steps\.check\.outputs\.([a-z-]+) \}\}", each["value"])[1]
        assert f'echo "{name}=' in script


def test_a_broken_server_fails_the_step_and_is_in_the_summary(run, tmp_path):
    with on_a_port(BROKEN["DSC-01"].server) as server:
        done = run(server.url)
    assert done.returncode == 1, done.stderr
    summary = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert summary.startswith("### doorward check\n")
    assert "1. DSC-01" in summary
    assert all(not line or line.startswith("    ") for line in summary.splitlines()[1:])
    written = outputs(tmp_path)
    assert written["exit-code"] == "1"
    assert Path(written["html"]).read_text().startswith("<!doctype html>")
    assert ET.parse(written["junit"]).getroot().attrib["failures"] == "1"


def test_a_good_server_passes(run, tmp_path):
    with on_a_port(Good) as server:
        done = run(server.url, strict="true")
    assert (done.returncode, outputs(tmp_path)["exit-code"]) == (0, "0")


def test_problems_may_be_reported_only(run, tmp_path):
    with on_a_port(BROKEN["DSC-01"].server) as server:
        done = run(server.url, fail_on="never")
        one = run(server.url, **{"as": "cursor"})
    assert (done.returncode, one.returncode) == (0, 0)
    assert "exit-code=1\n" in (tmp_path / "GITHUB_OUTPUT").read_text()


@pytest.mark.parametrize(
    "inputs",
    [{"url": "not a url"}, {"url": "--help"}, {"fail_on": "sometimes"}, {"as": "cluade"}],
)
def test_wrong_usage_is_never_forgiven(run, inputs):
    done = run(**{"url": f"http://127.0.0.1:{free_port()}/mcp", "fail_on": "never"} | inputs)
    assert done.returncode == 2


@pytest.mark.parametrize("text", ["$(touch pwned)", "`touch pwned`", '"; touch pwned; "', "'; touch pwned #"])
def test_what_an_input_holds_is_not_run(run, tmp_path, text):
    with on_a_port(Good) as server:
        for inputs in (
            {"url": f"{server.url}{text}"},
            {"url": server.url, "as": text},
            {"url": server.url, "strict": text},
        ):
            run(**inputs)
    assert not list(tmp_path.rglob("pwned"))


def test_what_a_server_says_is_no_command_to_the_runner(run):
    with on_a_port(BROKEN["DSC-01"].server) as server:
        lines = run(server.url).stdout.splitlines()
    pause = lines[0].removeprefix("::stop-commands::")
    assert re.fullmatch(r"[0-9a-f]{32}", pause)
    assert lines[-1] == f"::{pause}::"
