from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import MCPServer
from upstreams.recorder import ask, modern

from doorward.errors import ConfigError, StartError
from doorward.upstreams.asgi.python_target import as_asgi, load_target
from doorward.upstreams.asgi.upstream import AsgiUpstream


@pytest.fixture(autouse=True)
def _imports_are_undone() -> Iterator[None]:
    modules, path = set(sys.modules), sys.path[:]
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith("/tmp"):
            del sys.modules[name]


def write(directory: Path, text: str, name: str = "tools_server.py") -> str:
    path = directory / name
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", ["mcp", "server", "app"])
def test_the_usual_names_are_found(name: str, tmp_path: Path) -> None:
    location = write(tmp_path, f"import fastmcp\nother = 1\n{name} = fastmcp.FastMCP('x')\n")
    assert isinstance(load_target(location), FastMCP)


def test_a_lone_server_is_found_under_any_name_and_an_imported_package_is_no_server(tmp_path: Path) -> None:
    location = write(tmp_path, "import mcp, fastmcp\nmy_tools = fastmcp.FastMCP('x')\n")
    assert isinstance(load_target(location), FastMCP)


def test_a_name_may_be_given_for_files_and_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = write(tmp_path, "import helper_of_mine\nclass holder:\n    one = helper_of_mine.x\n")
    write(tmp_path, "x = 41\n", "helper_of_mine.py")
    assert load_target(location, "holder.one") == 41
    monkeypatch.chdir(tmp_path)
    assert load_target("tools_server", "holder.one") == 41


def test_a_file_named_as_an_imported_module_does_not_replace_it(tmp_path: Path) -> None:
    import json

    location = write(tmp_path, "async def app(scope, receive, send): ...\n", "json.py")
    assert callable(load_target(location))
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("x = 1\ny = 'a'\n", None, ["no MCP server", "x (int)", "y (str)"]),
        ("", None, ["no MCP server", "no names"]),
        ("import fastmcp\na = fastmcp.FastMCP('a')\nb = fastmcp.FastMCP('b')\n", None, ["2 servers", ":a", ":b"]),
        ("weather = 1\n", "wether", ["no 'wether'", "Did you mean", ":weather?"]),
        ("weather = 1\n", "zzz", ["no 'zzz'", "weather (int)"]),
    ],
)
def test_what_is_missing_is_named(text: str, name: str | None, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_target(write(tmp_path, text), name)
    for word in words:
        assert word in str(caught.value)


def test_a_missing_file_or_module_is_named_with_a_suggestion(tmp_path: Path) -> None:
    write(tmp_path, "", "weather.py")
    with pytest.raises(ConfigError, match=r"no file.*\n.*Did you mean .*weather\.py\?"):
        load_target(str(tmp_path / "wether.py"))
    with pytest.raises(ConfigError, match=r"no module 'no_such_package\.server'"):
        load_target("no_such_package.server")


@pytest.mark.parametrize("name", ["mcp.py", "fastmcp.py"])
def test_a_file_that_hides_the_package_it_imports_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Rename it"):
        load_target(write(tmp_path, "from fastmcp import FastMCP", name))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f():\n    raise ValueError('bad setting')\nf()\n", ["line 2, in f", "ValueError: bad setting"]),
        ("import no_such_dependency\n", ["line 1", "Install 'no_such_dependency'"]),
        ("def broken(:\n", ["SyntaxError", "def broken(:"]),
        ("import sys\nsys.exit(3)\n", ["__main__"]),
    ],
)
def test_a_users_own_error_is_shown_as_their_traceback(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(StartError) as caught:
        load_target(write(tmp_path, text))
    for word in words:
        assert word in str(caught.value)
    assert "importlib" not in str(caught.value)
    assert "python_target.py" not in str(caught.value)


def sdk_lowlevel() -> Any:
    async def on_list_tools(context: Any, params: Any) -> Any:
        raise AssertionError("not asked")

    return Server("low", on_list_tools=on_list_tools)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: FastMCP("f"), "FastMCP server"),
        (lambda: MCPServer("s"), "MCP SDK server"),
        (sdk_lowlevel, "MCP SDK server"),
        (lambda: FastMCP("f").http_app(path="/tools"), "ASGI app"),
    ],
)
async def test_each_kind_of_server_answers_at_the_doors_path(make: Any, kind: str) -> None:
    app, found = as_asgi(make(), "/tools")
    assert found == kind
    upstream = AsgiUpstream(app, path="/tools")
    await upstream.start()
    answer = await ask(upstream, modern("server/discover"))
    await upstream.stop()
    assert answer.message()["result"]["supportedVersions"]


async def test_a_factory_is_called() -> None:
    def make() -> FastMCP:
        return FastMCP("made")

    _, kind = as_asgi(make, "/mcp")
    assert kind == "FastMCP server"


@pytest.mark.parametrize("value", [41, "text", FastMCP, object(), lambda a, b: None, lambda: 3])
def test_what_is_no_server_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="no MCP server"):
        as_asgi(value, "/mcp")


def test_a_server_with_a_sign_in_of_its_own_is_refused_with_the_fix() -> None:
    server = FastMCP("own", auth=StaticTokenVerifier({"t": {"client_id": "c", "scopes": []}}))
    with pytest.raises(ConfigError, match="Remove `auth=`"):
        as_asgi(server, "/mcp")
