"""Ordinary mistakes on the real command line: what was wrong, what to type instead, and the right exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("DOORWARD_", "PORT", "WEB_"))}


def doorward(*arguments: str, cwd: Path, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "doorward", *arguments],
        cwd=cwd,
        env={**ENVIRONMENT, **environ},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serv", "server.py"], "Did you mean 'serve'?"),
        (["xyzzy"], "There are: serve, check"),
        (["tokens", "lst"], "Did you mean 'list'?"),
        (["tokens", "drop"], "There are: "),
        (["serve", "server.py", "--prot", "9000"], "'--port'"),
        (["serve", "npx", "some-server"], "doorward serve -- npx some-server"),
        (["serve", "server.py", "--", "npx", "some-server"], "more than one target"),
        (["serve", "--"], "the command is empty"),
        (["serve", "missing.py"], 'there is no file "missing.py"'),
        (["serve", "a/b"], "is not a target"),
        (["serve", "server.py", "--config", "missing.toml"], "there is no file missing.toml"),
        (["serve", "server.py", "--public-url", "http://mcp.example.com"], "Write https://mcp.example.com"),
        (["tokens", "create"], "Missing option '--name'"),
        (["tokens", "create", "--name", "x", "--expires", "soon"], "such as 90d"),
        (["tokens", "create", "--name", "x", "--scope", "wider"], "no scope 'wider'; it has: mcp"),
        (["tokens", "create", "--name", "x", "--user", "nobody"], "no user"),
        (["tokens", "list", "--database", "memory://"], "belongs to the running server"),
        (["clients", "add"], "--preset (claude, claude-code"),
        (["clients", "add", "--preset", "cluade"], "'claude'"),
        (["clients", "add", "--redirect-uri", "javascript:alert(1)"], "cannot be registered"),
        (["users", "add", "ann", "--service", "--password-stdin"], "no password"),
        (["users", "add", "a b"], "is not a name"),
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path, arguments, said):
    done = doorward(*arguments, cwd=tmp_path)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (2, "")


def test_a_missing_secret_file_is_told(tmp_path):
    done = doorward("tokens", "create", "--name", "x", cwd=tmp_path, DOORWARD_OWNER_PASSWORD_FILE="missing")
    assert done.returncode == 2
    assert "DOORWARD_OWNER_PASSWORD_FILE" in done.stderr
    assert not (tmp_path / ".doorward").exists()


def test_an_unknown_key_in_the_file_stops_every_command(tmp_path):
    (tmp_path / "doorward.toml").write_text("prot = 1\n")
    for arguments in (["serve", "server.py"], ["tokens", "list"], ["config", "check"]):
        done = doorward(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "Did you mean port?" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["tokens", "list"], ["users", "show", "owner"], ["db", "status"], ["db", "purge"]]
)
def test_the_wrong_directory_is_noticed_and_left_clean(tmp_path, arguments):
    done = doorward(*arguments, cwd=tmp_path)
    assert done.returncode == 3
    assert "there is no installation here" in done.stderr
    assert "--data-dir" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_data_directory_that_is_a_file_is_told(tmp_path):
    (tmp_path / ".doorward").write_text("")
    done = doorward("tokens", "create", "--name", "x", cwd=tmp_path)
    assert done.returncode == 3
    assert str(tmp_path / ".doorward") in done.stderr
    assert "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_none_is_told(tmp_path):
    doorward("users", "add", "ann", cwd=tmp_path)
    (tmp_path / ".doorward" / "doorward.sqlite").write_text("not a database, but a text as long as one\n" * 99)
    done = doorward("tokens", "list", cwd=tmp_path)
    assert done.returncode == 3
    assert "not a SQLite database" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_stops_early_is_no_error(tmp_path):
    doorward("users", "add", "ann", cwd=tmp_path)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "doorward", "users", "list"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_imports_nothing_heavy(tmp_path):
    heavy = ["asyncio", "msgspec", "sqlite3", "argon2", "uvicorn", "starlette", "cryptography", "jinja2", "mcp"]
    code = (
        "import sys; from doorward.cli.main import run; code = run(['--help']); "
        f"print(code, [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize("arguments", [["--version"], ["version"], ["-h"], ["tokens", "-h"], ["serve", "-h"]])
def test_asking_is_never_an_error(tmp_path, arguments):
    done = doorward(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert "doorward" in done.stdout
    assert done.stderr == ""
