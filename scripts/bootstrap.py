"""Make the virtual environment that every recipe uses: pinned packages with hashes, then the project itself.

uv installs where it is on the PATH, because it takes seconds; pip does everywhere else.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path


def main() -> int:
    """Create or refresh the environment named on the command line."""
    target = Path(sys.argv[1])
    python = target / "bin" / "python"
    if not python.exists():
        venv.create(target, with_pip=True)
    if shutil.which("uv"):
        install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
    else:
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    print("Installing pinned packages into .venv (once) ...", file=sys.stderr)
    subprocess.run([*install, "--no-deps", "--require-hashes", "-r", "requirements/dev.txt"], check=True)
    subprocess.run([*install, "--no-deps", "--no-build-isolation", "-e", "."], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
