from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from doorward.errors import ConfigError, StartError
from doorward.storage.memory import MemoryStore
from doorward.storage.opening import open_store, sqlite_path
from doorward.storage.postgres import PostgresStore
from doorward.storage.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        (None, Path("data/doorward.sqlite")),
        ("sqlite:///doorward.db", Path("doorward.db")),
        ("sqlite:///dir/doorward.db", Path("dir/doorward.db")),
        ("sqlite:////var/lib/doorward.db", Path("/var/lib/doorward.db")),
        ("sqlite:///with space%20.db", Path("with space%20.db")),
    ],
)
def test_a_sqlite_address_names_its_file(database, expected):
    store = open_store(database, Path("data"))
    assert isinstance(store, SqliteStore)
    assert store.path == expected == sqlite_path(database, Path("data"))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_postgres_address_names_a_store_with_so_many_connections(scheme):
    store = open_store(f"{scheme}://u:hunter2@db/door", Path("data"), connections=3)
    assert isinstance(store, PostgresStore)
    assert store.connections == 3
    assert sqlite_path(f"{scheme}://u:hunter2@db/door", Path("data")) is None
    assert "hunter2" not in repr(store)


def test_sqlite_does_not_load_the_driver_of_postgres():
    program = "import sys, doorward.app, doorward.cli.main; print('asyncpg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_postgres_address_without_the_driver_says_what_to_install(monkeypatch):
    monkeypatch.setattr("doorward.storage.opening.find_spec", lambda _name: None)
    with pytest.raises(StartError, match=r"doorward\[postgres\]"):
        open_store("postgresql://u:hunter2@db/door", Path("data"))


def test_the_memory_address_names_no_file():
    assert isinstance(open_store("memory://", Path("data")), MemoryStore)
    assert sqlite_path("memory://", Path("data")) is None


@pytest.mark.parametrize(
    ("database", "what", "fix"),
    [
        ("postgresql+asyncpg://u:hunter2@db/door", "names a driver", "postgresql://"),
        ("postgresql://u:hunter2@db", "names no database", "postgresql://"),
        ("postgresql://u:hunter2@db/door?options=hunter2", "not an option", "sslmode"),
        ("mysql://u:hunter2@db/door", '"mysql"', "sqlite:///PATH"),
        ("mysql://u:hunter2/x@db/door", '"mysql"', "sqlite:///PATH"),
        ("sqlite:///", "names no file", "sqlite:///PATH"),
        ("sqlite://", "names no file", "sqlite:///PATH"),
        ("sqlite://doorward.db", "names no file", "sqlite:///PATH"),
        ("sqlite:///:memory:", "names no file", "memory://"),
        ("sqlite:///a.db?mode=hunter2", "takes no options", "sqlite:///PATH"),
        ("memory://name", "no name", "memory://"),
        ("doorward.db", "not an address", "sqlite:///doorward.db"),
        ("/var/doorward.db", "not an address", "sqlite:////var/doorward.db"),
        ("user:hunter2@db", "not an address", "sqlite:///PATH"),
        ("", "not an address", "sqlite:///PATH"),
    ],
)
def test_any_other_address_is_refused_with_what_to_write_instead(database, what, fix):
    with pytest.raises(ConfigError) as caught:
        open_store(database, Path("data"))
    (problem,) = caught.value.problems
    assert problem.where == "database"
    assert what in problem.what
    assert fix in problem.fix
    assert "hunter2" not in str(caught.value)
