"""Files and directories that only this account can read, created so that a crash leaves all or nothing.

Does not know what the files hold. Permission bits are POSIX.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
from pathlib import Path

from doorward.errors import Problem, StartError
from doorward.logs import log

_logger = logging.getLogger(__name__)
_OTHERS_MAY_DO_ANYTHING = 0o077
_OTHERS_MAY_WRITE = 0o022
_IGNORED = ".gitignore"
_OWN_PREFIXES = ("doorward.sqlite", "keys.json", _IGNORED)


def open_data_directory(path: Path) -> None:
    """Create the data directory with mode 0700, or make sure that an existing one is safe.

    A directory with only our files is closed to others. A shared one keeps its mode, because a chmod of a home or
    project directory would break it. It is refused if others can write in it, because they could plant their own key
    file. A directory that only Doorward uses tells git to ignore it: it holds the master key.

    Raises:
        StartError: it cannot be created, is not a directory, or others can write in it.
    """
    try:
        is_new = not path.exists()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode)
        ours = all(each.name.startswith(_OWN_PREFIXES) for each in path.iterdir())
    except OSError as error:
        raise start_error(f"The directory {path} cannot be used", error) from error
    if ours and (is_new or path.name.startswith(".")) and not (path / _IGNORED).exists():
        create_once(path / _IGNORED, b"*\n")
    if not mode & _OTHERS_MAY_DO_ANYTHING:
        return
    if ours:
        tighten(path, 0o700)
    elif mode & _OTHERS_MAY_WRITE:
        raise StartError(
            Problem(
                what=f"Other accounts can write in the data directory {path} (mode {mode:04o}).",
                why="They could replace the key file or the database, and sign in as anybody.",
                fix=f"Use a directory of its own, such as --data-dir {path / 'doorward'}, or run: chmod 700 {path}",
            )
        )


def make_directory(path: Path) -> None:
    """Create a directory (and its parents) with mode 0700, unless it exists. Raises `StartError`."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise start_error(f"The directory {path} cannot be created", error) from error


def tighten(path: Path, wanted: int = 0o600) -> None:
    """Remove other accounts' permissions on a file, with a warning; ignore a missing file.

    Closing it is better than refusing to start: container platforms widen a volume's modes at each mount.

    Raises:
        StartError: others can read or write it, and this account may not change that.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise start_error(f"{path} cannot be read", error) from error
    if not mode & _OTHERS_MAY_DO_ANYTHING:
        return
    try:
        path.chmod(wanted)
    except OSError as error:
        raise start_error(f"{path} is open to other accounts (mode {mode:04o}) and cannot be closed", error) from error
    log(_logger, logging.WARNING, "closed to other accounts", path=str(path), mode=f"{mode:04o}", now=f"{wanted:04o}")


def create_once(path: Path, content: bytes) -> None:
    """Create a file of mode 0600, complete and synced, unless it exists; of several processes the first one wins.

    Raises:
        StartError: the directory cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        _write(temporary, content)
        try:
            # A link fails if the name is taken; a rename would replace the other process's file.
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink()
        sync_directory(path.parent)
    except OSError as error:
        raise start_error(f"{path} cannot be written", error) from error


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Make the file names in a directory durable. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def start_error(what: str, error: OSError) -> StartError:
    """Return what could not be done with a path, and the operating system's reason."""
    return StartError(
        Problem(
            what=f"{what}.",
            why=f"The operating system says: {error.strerror}.",
            fix="Choose another place with --data-dir, or give this account the right to read and write there.",
        )
    )
