"""What an operator reads when settings cannot be used, word for word.

Each `tests/golden/config/NAME.toml` is a file of settings; its lines that begin with `#$` are the command line and the
environment. `NAME.txt` is what is printed.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "config"
CASES = sorted(path.stem for path in GOLDEN.glob("*.toml"))


def printed(name: str, cwd: Path) -> str:
    text = (GOLDEN / f"{name}.toml").read_text()
    (cwd / "doorward.toml").write_text(text)
    (cwd / "server.py").write_text("")
    lines = [line.removeprefix("#$ ") for line in text.splitlines() if line.startswith("#$ ")]
    (command,) = [line for line in lines if line.startswith("doorward ")]
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("DOORWARD_", "PORT", "WEB_"))}
    environ.update(line.split("=", 1) for line in lines if line != command)
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr.replace(str(cwd), "CWD")


@pytest.mark.parametrize("name", CASES)
def test_the_faults_are_told_word_for_word(tmp_path, name):
    assert printed(name, tmp_path) == (GOLDEN / f"{name}.txt").read_text()


def test_no_secret_is_in_any_of_them():
    assert not [name for name in CASES if "hunter2" in (GOLDEN / f"{name}.txt").read_text()]
