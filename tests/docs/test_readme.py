"""The README's commands do what it says, its links lead somewhere, and it stays short."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
BIN = Path(sys.executable).parent


def console_lines() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s+#.*", "", line) for line in lines]


def inline_commands() -> list[str]:
    return re.findall(r"`(doorward (?:clients|tokens|users|db|config)[^`]*)`", README)


@pytest.fixture
def place(tmp_path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "examples" / "01_fastmcp.py", tmp_path / "server.py")
    return tmp_path


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PORT": "0", "PYTHONUNBUFFERED": "1"}


def test_the_readme_is_short_and_starts_with_a_transcript():
    assert len(README.splitlines()) <= 200
    assert README.index("```console") < 300


@pytest.mark.parametrize("line", [line for line in console_lines() if line.startswith("doorward serve")])
def test_each_serve_command_serves(place: Path, line: str):
    process = subprocess.Popen(
        line, shell=True, cwd=place, env=environment(), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        seen = ""
        while "MCP URL" not in seen:
            printed = process.stdout.readline()
            assert printed, f"ended without serving:\n{seen}"
            seen += printed
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.stdout.close()
        process.wait(20)


@pytest.mark.parametrize("line", inline_commands())
def test_each_other_command_works(place: Path, line: str):
    done = subprocess.run(line, shell=True, cwd=place, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_make_recipe_of_the_readme_exists():
    recipes = [line for line in console_lines() if line.startswith("make ")]
    assert recipes
    for line in recipes:
        assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_every_file_that_the_architecture_names_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for name in set(re.findall(r"`((?:\w+/)+\w+\.py|\w+\.py)`", text)):
        assert list((ROOT / "src" / "doorward").glob(f"**/{name}")), name
