"""Every command on the page of guarantees names a test, a run or a recipe that exists."""

from __future__ import annotations

import ast
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from judge.judging import ALL_RUNS

from fuzz.__main__ import parse

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
RECIPES = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def exists(target: str) -> bool:
    """Return whether a pytest target is there: a file, a folder, or a test of a file."""
    name, _, test = target.partition("::")
    path = ROOT / name
    if not test:
        return path.exists()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == test for node in tree.body)


def is_good(command: str) -> bool:
    words = shlex.split(command)
    if words[0] == "make":
        given = shlex.split(dict(word.split("=", 1) for word in words[2:]).get("ARGS", ""))
        runs = {run for flag, run in pairwise(given) if flag == "--only"}
        return words[1] in RECIPES and runs <= set(ALL_RUNS)
    if words[:3] == [".venv/bin/python", "-m", "mutation"]:
        return exists("mutation/__main__.py") and words[3:] == ["--only", "named"]
    if words[:3] == [".venv/bin/python", "-m", "fuzz"]:
        return callable(parse)
    if words[:3] == ["PYTHONPATH=tests", ".venv/bin/python", "-m"]:
        return exists(f"tests/{words[3].replace('.', '/')}.py")
    return words[0] == ".venv/bin/pytest" and all(map(exists, words[1:]))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_names_what_exists(command: str):
    assert is_good(command)


@pytest.mark.parametrize(
    "command",
    [
        "make nothing",
        "make judge ARGS='--only nothing'",
        ".venv/bin/pytest tests/test_app.py::test_nothing",
        "pytest",
        "PYTHONPATH=tests .venv/bin/python -m attacks.nothing",
    ],
)
def test_a_command_that_names_nothing_is_caught(command: str):
    assert not is_good(command)


def test_each_promise_has_a_command():
    sections = re.split(r"^## \d+\. ", PAGE, flags=re.MULTILINE)[1:]
    assert len(sections) == 10
    assert all("```sh" in section for section in sections)
