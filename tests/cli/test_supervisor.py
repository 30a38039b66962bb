"""What the running program leaves to chance: a request to stop while workers are being started."""

import subprocess
import sys

SCRIPT = """
import os, signal, socket, sys
from pathlib import Path
from doorward.cli.supervisor import supervise
from doorward.config.load import from_keywords

class Directory(type(Path())):
    def __reduce__(self):
        print("started", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        return Path, (str(self),)

if __name__ == "__main__":
    base = Path(sys.argv[1])
    listening = socket.create_server(("127.0.0.1", 0))
    settings = {"target": "http://127.0.0.1:9/mcp", "workers": 3, "port": listening.getsockname()[1], "data_dir": base}
    supervise(from_keywords(settings, base), listening, Directory(base))
    print("ended", flush=True)
"""


def test_no_worker_is_started_or_left_behind_after_the_request_to_stop(tmp_path):
    script = tmp_path / "supervise.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["started", "ended"], done.stderr
