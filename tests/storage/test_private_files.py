from __future__ import annotations

import logging
import stat
import subprocess
from pathlib import Path

import pytest

from doorward.errors import StartError
from doorward.storage.private_files import create_once, open_data_directory, tighten


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("contents", [[], ["keys.json", "doorward.sqlite", "doorward.sqlite-wal"]])
@pytest.mark.parametrize("mode", [0o755, 0o777, 0o770])
def test_a_data_directory_of_our_own_is_closed_to_others(tmp_path, caplog, mode, contents):
    for name in contents:
        (tmp_path / name).touch()
    tmp_path.chmod(mode)
    with caplog.at_level(logging.WARNING):
        open_data_directory(tmp_path)
    assert mode_of(tmp_path) == 0o700
    assert [record.message for record in caplog.records] == ["closed to other accounts"]


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o702])
def test_a_shared_directory_in_which_others_write_is_refused_and_left_alone(tmp_path, mode):
    (tmp_path / "theirs.txt").touch()
    tmp_path.chmod(mode)
    with pytest.raises(StartError) as caught:
        open_data_directory(tmp_path)
    assert str(tmp_path / "doorward") in caught.value.problem.fix
    assert mode_of(tmp_path) == mode


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o700])
def test_a_shared_directory_in_which_nobody_else_writes_is_left_as_it_is(tmp_path, caplog, mode):
    (tmp_path / "project.py").touch()
    tmp_path.chmod(mode)
    open_data_directory(tmp_path)
    assert mode_of(tmp_path) == mode
    assert caplog.records == []


@pytest.mark.parametrize("made", ["by Doorward", "by an older release"])
def test_git_is_kept_from_committing_the_master_key(tmp_path, made):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    directory = tmp_path / ".doorward"
    if made == "by an older release":
        directory.mkdir(0o700)
        (directory / "doorward.sqlite").touch()
    open_data_directory(directory)
    (directory / "keys.json").touch()
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    staged = subprocess.run(["git", "ls-files"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert staged.stdout == ""


def test_a_directory_that_others_use_too_is_not_hidden_from_git(tmp_path):
    (tmp_path / "server.py").touch()
    open_data_directory(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir(0o700)
    open_data_directory(empty)
    assert not list(tmp_path.rglob(".gitignore"))


def test_what_the_owner_wrote_into_it_stays(tmp_path):
    directory = tmp_path / ".doorward"
    directory.mkdir(0o700)
    (directory / ".gitignore").write_text("keys.json\n")
    open_data_directory(directory)
    assert (directory / ".gitignore").read_text() == "keys.json\n"


def test_a_data_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot be used"):
        open_data_directory(tmp_path / "file")


def test_a_file_is_created_whole_and_once(tmp_path):
    create_once(tmp_path / "file", b"first")
    create_once(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert mode_of(tmp_path / "file") == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("directory", ["/proc/self", "/nonexistent"])
def test_a_file_that_cannot_be_created_is_a_start_error(directory):
    with pytest.raises(StartError, match="cannot be written"):
        create_once(Path(directory) / "file", b"content")


def test_an_absent_file_needs_no_tightening(tmp_path):
    tighten(tmp_path / "absent")


def test_a_path_through_a_file_is_a_start_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot be read"):
        tighten(tmp_path / "file" / "below")
