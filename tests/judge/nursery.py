"""A process that has imported everything and forks a door for each line on its input: a start costs milliseconds.

A line is the settings of a node; the answer is its process id. When the input ends, so do all the doors.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback

from judge.node import from_json, run

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Fork until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    children = []
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _live(line)
        children.append(child)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def _live(line: str) -> None:
    """Be a door. It ends with the nursery, however that ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.close(0)
    code = 1
    try:
        run(from_json(line))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
