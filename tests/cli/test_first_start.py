"""What a person reads when a door opens."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from one_door import one_door

from doorward.cli.first_start import render, server_name
from doorward.config.model import CommandTarget, Config, PythonTarget, UrlTarget

URL = "https://mcp.example.com/mcp"
TARGET = PythonTarget("/srv/weather.py")


def shown(config: Config, *, password: str | None = None, new: bool = False, colour: bool = False) -> str:
    return render(config, doors=[(URL, config.doors[0])], owner_password=password, owner_is_new=new, colour=colour)


def test_a_password_that_was_made_is_shown():
    text = shown(one_door(target=TARGET), password="abcd-efgh", new=True)
    assert URL in text
    assert "as owner with the password abcd-efgh" in text


@pytest.mark.parametrize("new", [True, False])
def test_a_password_that_was_configured_is_never_shown(new):
    text = shown(one_door(target=TARGET, owner_password="hunter2hunter2"), password="hunter2hunter2", new=new)
    assert "hunter2" not in text
    assert "owner" in text


def test_a_later_start_says_what_to_do_when_the_password_is_forgotten():
    assert "doorward users password owner" in shown(one_door(target=TARGET))


def test_the_snippets_can_be_pasted():
    lines = [line.strip() for line in shown(one_door(target=TARGET)).splitlines()]
    assert f"claude mcp add --transport http weather {URL}" in lines
    vscode, cursor = (json.loads(line) for line in lines if line.startswith("{"))
    assert vscode == {"servers": {"weather": {"type": "http", "url": URL}}}
    assert cursor == {"mcpServers": {"weather": {"url": URL}}}


def test_a_door_for_header_tokens_says_where_the_token_goes():
    text = shown(one_door(target=TARGET, auth="token"))
    assert "--header 'Authorization: Bearer TOKEN'" in text
    assert "doorward tokens create" in text
    assert "password" not in text


def test_a_door_without_a_check_says_so():
    text = shown(one_door(target=TARGET, auth="none"))
    assert "everyone who reaches this address" in text
    assert "tokens create" not in text


def test_the_next_commands_work_from_where_they_are_typed():
    assert "--data-dir '/srv/my data'" in shown(one_door(target=TARGET, data_dir=Path("/srv/my data")))


def test_colour_only_where_it_is_asked_for():
    assert "\x1b" not in shown(one_door(target=TARGET))
    assert "\x1b" in shown(one_door(target=TARGET), colour=True)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (TARGET, "weather"),
        (PythonTarget("/srv/My Server_2.py"), "my-server-2"),
        (PythonTarget("/srv/server.py"), "doorward"),
        (PythonTarget("acme.tools"), "tools"),
        (UrlTarget("https://notes.example.com/mcp"), "notes"),
        (UrlTarget("http://127.0.0.1:9000/mcp"), "doorward"),
        (UrlTarget("http://localhost:9000/mcp"), "doorward"),
        (CommandTarget(("npx", "-y", "@acme/some-server")), "some-server"),
        (CommandTarget(("/usr/bin/weather-mcp", "--fast")), "weather-mcp"),
        (None, "doorward"),
    ],
)
def test_a_server_gets_a_short_name(target, name):
    assert server_name(target) == name


def test_several_doors_are_shown_with_their_urls_and_can_all_be_pasted():
    base = one_door(target=TARGET)
    here, there = (replace(base.doors[0], name=name, path=f"/{name}/mcp") for name in ("here", "there"))
    config = Config(doors=(here, replace(there, auth="token")))
    urls = {each.name: f"https://mcp.example.com{each.path}" for each in config.doors}
    doors = [(urls[each.name], each) for each in config.doors]
    text = render(config, doors=doors, owner_password="abcd-efgh", owner_is_new=True, colour=False)
    lines = [line.strip() for line in text.splitlines()]
    assert f"MCP URL   {urls['here']}" in lines
    assert f"MCP URL   {urls['there']}  (header token)" in lines
    assert f"claude mcp add --transport http here {urls['here']}" in lines
    assert "as owner with the password abcd-efgh" in text
    vscode, cursor = (json.loads(line) for line in lines if line.startswith("{"))
    assert {name: each["url"] for name, each in vscode["servers"].items()} == urls
    assert {name: "headers" in each for name, each in cursor["mcpServers"].items()} == {"here": False, "there": True}
