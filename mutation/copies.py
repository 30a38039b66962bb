"""Copies of the work tree, in which mutants are tried."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from mutation.named import ROOT


def copy_tree(target: Path) -> None:
    """Copy every file that belongs to the project, with what is not committed yet, and mark it as a git repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def write_source(path: Path, text: str) -> None:
    """Replace a module, and drop its compiled form: that may have the same size and second as the new text."""
    path.write_text(text, encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()
