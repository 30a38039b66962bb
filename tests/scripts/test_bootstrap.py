"""The recipes' environment comes from the lock alone: no release of tomorrow changes or breaks it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import bootstrap
import pytest
from packaging.utils import canonicalize_name
from scripts.tomorrow import build, requirements_of, served

ROOT = Path(__file__).resolve().parents[2]
OLDEST_PIP = Path(__file__).with_name("oldest_pip.txt")
UV = Path(sys.executable).with_name("uv")
INSTALL = """
import sys
from pathlib import Path
import bootstrap
target, lock = map(Path, sys.argv[1:])
bootstrap.run([*bootstrap.prepare(target), *bootstrap.pinned(lock)])
"""


def python_of(place: Path, *, with_pip: bool = False) -> Path:
    venv.create(place, with_pip=with_pip)
    return place / "bin" / "python"


@pytest.fixture(scope="module")
def python_with_pip(tmp_path_factory) -> Path:
    """An environment with pip, made once: that takes seconds, and no test changes it."""
    return python_of(tmp_path_factory.mktemp("outer"), with_pip=True)


def environment(index: str, *, uv: bool) -> dict[str, str]:
    paths = [each for each in os.environ["PATH"].split(os.pathsep) if not (Path(each) / "uv").exists()]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    return {
        **kept,
        "PATH": os.pathsep.join([*paths, str(UV.parent)] if uv else paths),
        "PYTHONPATH": str(ROOT / "scripts"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_INDEX_URL": index,
        "UV_NO_CONFIG": "1",
        "UV_NO_CACHE": "1",
        "UV_DEFAULT_INDEX": index,
    }


@pytest.fixture
def tomorrow(tmp_path):
    """The demo's lock, and an index that has newer releases of all that is in it."""
    lock = build(ROOT / "requirements" / "demo.txt", tmp_path / "index")
    with served(tmp_path / "index") as url:
        yield lock, url


@pytest.mark.parametrize("installer", ["oldest pip", "uv"])
def test_a_newer_release_of_everything_changes_nothing(tmp_path, tomorrow, installer):
    lock, index = tomorrow
    python = python_of(tmp_path / "outer")
    if installer == "oldest pip":
        subprocess.run([UV, "pip", "install", "-q", "--python", python, *bootstrap.pinned(OLDEST_PIP)], check=True)
    target = tmp_path / "target"
    done = subprocess.run(
        [python, "-c", INSTALL, target, lock],
        env=environment(index, uv=installer == "uv"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    installed = {path.name.partition("-")[0] for path in target.glob("lib/python*/site-packages/*.dist-info")}
    versions = {path.name.partition("-")[2] for path in target.glob("lib/python*/site-packages/*.dist-info")}
    assert {canonicalize_name(name) for name in installed} == {
        canonicalize_name(each.name) for each in requirements_of(ROOT / "requirements" / "demo.txt")
    }
    assert "9999.dist-info" not in versions


def test_the_smaller_locks_are_parts_of_the_whole_one():
    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^[\w.-]+==[^ ;\\\n]+", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE)
        )

    assert pins("base") < pins("demo")
    assert pins("demo") < pins("dev")


@pytest.mark.parametrize("lock", ["demo", "dev"])
def test_a_failure_is_one_line_that_says_what_to_type_instead(tmp_path, python_with_pip, lock):
    nowhere = environment("http://127.0.0.1:9/simple/", uv=False) | {"PIP_RETRIES": "0"}
    done = subprocess.run(
        [python_with_pip, ROOT / "scripts" / "bootstrap.py", tmp_path / "target", lock],
        env=nowhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    progress, line = done.stderr.splitlines()
    assert progress.startswith("Installing the pinned packages")
    assert line.startswith("Doorward: Installing the pinned packages failed (ERROR: ")
    assert line.endswith(bootstrap.INSTEAD[lock])


def test_the_makefile_takes_the_first_python_that_is_new_enough(tmp_path):
    old, new = tmp_path / "python3", tmp_path / "python3.12"
    old.write_text("#!/bin/sh\nexit 1\n")
    new.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for each in (old, new):
        each.chmod(0o755)
    make = shutil.which("make")
    shown = subprocess.run(
        [make, "-n", "-B", "-f", ROOT / "Makefile", "demo"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "python3.12 scripts/bootstrap.py .venv demo" in shown.stdout
    new.unlink()
    missing = subprocess.run(
        [make, "-n", "-B", "-f", ROOT / "Makefile", "demo"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Doorward needs Python 3.11 or newer" in missing.stderr
