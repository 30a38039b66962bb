"""A served door looks at itself once it is open, and says later what it found."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from flows import foreign
from flows.door import Door, command, serving
from flows.processes import POLL_SECONDS, PYTHON, ROOT, free_port

FASTMCP = foreign.SERVERS / "fastmcp_server.py"
PATIENCE_SECONDS = 30


def looked(door: Door) -> str:
    """Wait for the line that ends the look, and return the log."""
    until = time.monotonic() + PATIENCE_SECONDS
    while '"self_check"' not in door.program.output():
        assert time.monotonic() < until, door.program.output()
        assert door.program.process.poll() is None, door.program.output()
        time.sleep(POLL_SECONDS)
    return door.program.output()


def shown(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [PYTHON, "-m", "doorward", "doors", "show", *arguments, "--data-dir", str(data_dir)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_door_that_is_reached_finds_nothing_and_looks_once(tmp_path, workers):
    with serving(FASTMCP, data_dir=tmp_path, options=("--workers", workers)) as door:
        log = looked(door)
        assert log.count('"self_check"') == 1
        assert '"finding"' not in log
        [listed] = command("doors", "list", data_dir=tmp_path)
        assert listed["url"] == door.url
        assert listed["findings"] == []
        done = shown(tmp_path, "mcp")
    assert done.returncode == 0
    assert "Nothing was found." in done.stdout


def test_a_public_url_that_leads_nowhere_is_found_and_told_again(tmp_path):
    nowhere = f"http://127.0.0.1:{free_port()}"
    with serving(FASTMCP, data_dir=tmp_path, options=("--public-url", nowhere)) as door:
        log = looked(door)
    assert "TLS-02" in log
    done = shown(tmp_path, "/mcp")
    assert done.returncode == 1
    assert "TLS-02" in done.stdout
    assert "own machine" in done.stdout
    assert "more: doorward explain TLS-02" in done.stdout


def test_a_door_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with serving(FASTMCP, data_dir=tmp_path) as door:
        looked(door)
    done = shown(tmp_path, "mpc")
    assert done.returncode == 2
    assert "There are: mcp." in done.stderr


def test_the_look_can_be_switched_off(tmp_path):
    config = tmp_path / "doorward.toml"
    config.write_text("self_check = false\n")
    with serving(FASTMCP, data_dir=tmp_path / "data", options=("--config", str(config))) as door:
        door.header_token()  # takes longer than the look
        assert "self_check" not in door.program.output()
    assert command("doors", "list", data_dir=tmp_path / "data") == []
