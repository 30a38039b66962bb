"""Run a command, and print as the last line what it took: peak resident bytes, and seconds of processor time.

A process of its own, and a small one: what the kernel says of a child that was just forked counts the parent's memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys


def main() -> int:
    """Pass on output and exit code of the command."""
    done = subprocess.run(sys.argv[1:], check=False)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    sys.stdout.write(
        json.dumps({"peak_bytes": used.ru_maxrss * unit, "cpu_seconds": used.ru_utime + used.ru_stime}) + "\n"
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
