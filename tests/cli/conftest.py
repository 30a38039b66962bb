"""Commands run in this process, in an empty directory of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from postgres_server import PASSWORD, PostgresServer, running_server

from doorward.cli.main import run


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture
def at(tmp_path, monkeypatch, capsys) -> Callable[..., Any]:
    """Run commands in an empty directory; returns what they printed, as JSON where asked for."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, code: int = 0) -> Any:
        returned = run(arguments)
        printed = capsys.readouterr()
        assert returned == code, printed.err
        assert PASSWORD not in printed.out + printed.err
        if code:
            return printed.err
        return json.loads(printed.out) if "--json" in arguments else printed.out

    return command


@pytest.fixture(params=["sqlite", "postgres"])
def anywhere(request, at, monkeypatch) -> Callable[..., Any]:
    """The same, with the database of each kind in turn."""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        monkeypatch.setenv("DOORWARD_DATABASE", server.url(server.new_database()))
    return at
