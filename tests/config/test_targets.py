"""What each form of TARGET means."""

import pytest

from doorward.config.faults import Fault
from doorward.config.model import CommandTarget, PythonTarget, UrlTarget
from doorward.config.targets import parse_target, spelled


@pytest.mark.parametrize(
    ("text", "location", "name"),
    [
        ("server.py", "{base}/server.py", None),
        ("server.py:api", "{base}/server.py", "api"),
        ("./server.py", "{base}/server.py", None),
        ("server", "{base}/server.py", None),
        ("server:api", "{base}/server.py", "api"),
        ("package.module", "package.module", None),
        ("package.module:api", "package.module", "api"),
    ],
)
def test_a_python_target_is_a_file_or_a_module(tmp_path, text, location, name):
    (tmp_path / "server.py").write_text("")
    assert parse_target(text, tmp_path) == PythonTarget(location.format(base=tmp_path), name)


@pytest.mark.parametrize("text", ["http://127.0.0.1:9000/mcp", "https://mcp.example.com/", "HTTPS://mcp.example.com"])
def test_a_url_is_kept_as_it_was_written(tmp_path, text):
    assert parse_target(text, tmp_path) == UrlTarget(text)


@pytest.mark.parametrize("given", [["npx", "-y", "a b"], ("npx", "-y", "a b"), "-- npx -y 'a b'"])
def test_a_command_is_split_like_a_shell_does(tmp_path, given):
    assert parse_target(given, tmp_path) == CommandTarget(("npx", "-y", "a b"))


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("srever.py", "there is no file", "server.py"),
        ("server.py:9lives", "is not a name in a Python file", ""),
        ("index.js", "is not a Python file", "-- node index.js"),
        ("data", "is a directory", "Name the file"),
        ("npx -y some-server", "looks like a command", "-- npx -y some-server"),
        ("localhost:9000/mcp", "looks like an address", "http://localhost:9000/mcp"),
        ("ws://127.0.0.1/mcp", "is not an http or https URL", ""),
        ("http://", "has no host", ""),
        (f"http://{'a' * 64}.example/mcp", "is no name", ""),
        ("http://a..example/mcp", "is no name", ""),
        ("http://127.0.0.1:port/", "is not a URL", ""),
        ("http://127.0.0.1/mcp#top", "holds a fragment", ""),
        ("a/b", "is not a target", ""),
        ("--", "the command is empty", "-- npx"),
        ("-- npx 'open", "is not a command", ""),
    ],
)
def test_what_is_no_target_is_explained(tmp_path, text, what, fix):
    (tmp_path / "server.py").write_text("")
    (tmp_path / "index.js").write_text("")
    (tmp_path / "data").mkdir()
    with pytest.raises(Fault) as caught:
        parse_target(text, tmp_path)
    assert what in caught.value.what
    assert fix in caught.value.fix


def test_a_credential_in_a_url_is_refused_and_not_repeated(tmp_path):
    with pytest.raises(Fault) as caught:
        parse_target("http://me:hunter2@127.0.0.1/mcp", tmp_path)
    assert "credential" in caught.value.what
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["http://127.0.0.1/mcp", "package.module:api", "package.module", "-- npx 'a b'"])
def test_a_target_can_be_written_back(tmp_path, text):
    assert spelled(parse_target(text, tmp_path)) == text
