"""Commands run in this process, in an empty directory of their own."""

import json

import pytest

from doorward.cli.main import run


@pytest.fixture
def at(tmp_path, monkeypatch, capsys):
    """Run commands in an empty directory; returns what they printed, as JSON where asked for."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments, code=0):
        returned = run(arguments)
        printed = capsys.readouterr()
        assert returned == code, printed.err
        if code:
            return printed.err
        return json.loads(printed.out) if "--json" in arguments else printed.out

    return command
