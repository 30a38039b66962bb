"""Fail when a file is longer than 400 lines or a function longer than 50: a limit that does not fail is none."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 50


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
    return breaches


if __name__ == "__main__":
    sys.exit(main())
