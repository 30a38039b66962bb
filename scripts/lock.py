"""Compile requirements/*.txt from pyproject.toml: every package pinned with hashes, no registry named.

The whole set comes first. The smaller ones take their versions from it, so that one environment can grow from the
demo to the tests.
"""

from __future__ import annotations

import subprocess
import sys

WHOLE = "requirements/dev.txt"
TARGETS: dict[str, list[str]] = {
    WHOLE: ["--extra", "dev"],
    "requirements/demo.txt": ["--group", "demo", "--constraints", WHOLE],
    "requirements/base.txt": ["--constraints", WHOLE],
}
OPTIONS = [
    "--generate-hashes",
    "--universal",
    "--python-version=3.11",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--custom-compile-command=make lock",
    "--quiet",
]


def main() -> int:
    """Compile each target; a failure stops with uv's own message."""
    for output, selection in TARGETS.items():
        command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS, *selection, "pyproject.toml", "-o", output]
        subprocess.run(command, check=True)
        print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
