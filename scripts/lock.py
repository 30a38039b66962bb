"""Compile requirements/*.txt from pyproject.toml: every package pinned with hashes, no registry named."""

from __future__ import annotations

import subprocess
import sys

TARGETS: dict[str, list[str]] = {"base": [], "dev": ["--extra", "dev"]}
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
    for name, extras in TARGETS.items():
        output = f"requirements/{name}.txt"
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "compile",
            *OPTIONS,
            *extras,
            "pyproject.toml",
            "-o",
            output,
        ]
        subprocess.run(command, check=True)
        print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
