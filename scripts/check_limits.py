"""Fail when a file, a function or a list of parameters is too long: a limit that does not fail is no limit.

Also fail when a function keeps below its limit by two statements in one line: a line of its own for each thing.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 50
PARAMETERS = 8
"""Without `self` and `cls`. What needs more is a value with a name: a frozen dataclass."""
FULL_FUNCTION_LINES = 40
"""From here on, two unrelated calls in one assignment are a way around the limit."""
MORE_PARAMETERS = {
    "src/doorward/app.py:__init__": "the public constructor: users name each setting by keyword",
    "src/doorward/cli/check.py:command": "click passes each option of the command as a parameter",
    "src/doorward/fetching/fetcher.py:__init__": "where it may connect, and what tests replace; all optional",
    "src/doorward/fetching/fetcher.py:send": "what one request differs in; all but two optional",
    "src/doorward/upstreams/stdio/upstream.py:__init__": "the limits of one command; all but one optional",
}
"""Functions with more, by file and name, and the reason."""


def main() -> int:
    """Print each breach as `file:line: what`, and exit 1 if there is any."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.py"], check=True, capture_output=True, text=True
    )
    breaches = [breach for name in listed.stdout.split() for breach in check(Path(name))]
    print("\n".join(breaches) or "limits: every file and function is within bounds")
    return 1 if breaches else 0


def check(path: Path) -> list[str]:
    """List the breaches of one file; the length of a function includes its docstring and decorators."""
    if not path.exists():
        return []
    text = path.read_text()
    breaches = []
    lines = text.count("\n")
    if lines > FILE_LINES:
        breaches.append(f"{path}:1: {lines} lines (limit {FILE_LINES})")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                breaches.append(f"{path}:{node.lineno}: {node.name} has {length} lines (limit {FUNCTION_LINES})")
            if length >= FULL_FUNCTION_LINES:
                breaches += [
                    f"{path}:{line}: {node.name} makes two calls in one assignment; write two lines"
                    for line in _squeezed(node)
                ]
            count = parameters(node)
            if path.parts[0] == "src" and count > PARAMETERS and f"{path}:{node.name}" not in MORE_PARAMETERS:
                breaches.append(f"{path}:{node.lineno}: {node.name} has {count} parameters (limit {PARAMETERS})")
    return breaches


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many parameters a function has, without `self` and `cls`; `*args` and `**kwargs` are one each."""
    given = node.args
    named = [each.arg for each in (*given.posonlyargs, *given.args)]
    own = 1 if named[:1] in (["self"], ["cls"]) else 0
    return len(named) - own + len(given.kwonlyargs) + (given.vararg is not None) + (given.kwarg is not None)


def _squeezed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[int]:
    """Return the lines on which two names get the results of two calls."""
    return [
        each.lineno
        for each in ast.walk(node)
        if isinstance(each, ast.Assign)
        and isinstance(each.targets[0], ast.Tuple)
        and isinstance(each.value, ast.Tuple)
        and sum(isinstance(value, ast.Call | ast.Await) for value in each.value.elts) > 1
    ]


if __name__ == "__main__":
    sys.exit(main())
