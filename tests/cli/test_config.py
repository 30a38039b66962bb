"""`doorward config`: what is shown, checked and described, also if a file has many doors."""

import json

import pytest

from doorward.cli.main import run
from doorward.config.settings import catalogue

DOORS = """
body_limit_bytes = 1000
[doors.a]
target = "http://127.0.0.1:9000/mcp"
upstream_headers = "X-API-Key: hunter2"
[doors.b]
target = ["npx", "x"]
path = "/b"
"""


def test_the_settings_of_each_door_are_shown_with_their_origins(at, tmp_path):
    (tmp_path / "doorward.toml").write_text(DOORS)
    shown = at("config", "show", "--json")
    assert shown["doors.a.target"] == {
        "value": "http://127.0.0.1:9000/mcp",
        "origin": "doors.a.target in doorward.toml",
    }
    assert shown["doors.a.path"] == {"value": "/a/mcp", "origin": "default"}
    assert shown["doors.b.path"] == {"value": "/b", "origin": "doors.b.path in doorward.toml"}
    assert shown["doors.b.body_limit_bytes"] == {"value": "1000", "origin": "body_limit_bytes in doorward.toml"}
    assert shown["doors.a.upstream_headers"]["value"] == "***"
    assert "target" not in shown
    assert "port" in shown
    assert "hunter2" not in at("config", "show")


def test_the_settings_of_many_doors_are_checked(at, tmp_path, capsys):
    (tmp_path / "doorward.toml").write_text(DOORS)
    assert at("config", "check", "--json") == {"good": True, "problems": []}
    (tmp_path / "doorward.toml").write_text(DOORS + "pth = 1\n")
    assert run(["config", "check"]) == 2
    assert "doors.b.pth in doorward.toml: there is no such setting" in capsys.readouterr().err


def test_the_settings_are_shown_with_their_origins_and_without_secrets(at, tmp_path):
    (tmp_path / "doorward.toml").write_text('owner_password = "hunter2hunter2"\nport = 9000\ntarget = ["npx", "a b"]\n')
    shown = at("config", "show", "--json")
    assert set(shown) == set(catalogue())
    assert shown["port"] == {"value": "9000", "origin": "port in doorward.toml"}
    assert shown["owner_password"] == {"value": "***", "origin": "owner_password in doorward.toml"}
    assert shown["target"]["value"] == "-- npx 'a b'"
    assert shown["token_header"] == {"value": None, "origin": "default"}
    assert "hunter2" not in at("config", "show")


@pytest.mark.parametrize(
    "settings",
    [
        'target = "https://mcp.example/mcp?key=hunter2&hunter2"',
        'target = "https://mcp.example/mcp?key=hunter2&plain=hunter2"',
        """target = ["npx", "mcp-remote", "https://u:hunter2@mcp.example/mcp?key=hunter2'hunter2"]""",
        'database = "postgresql://u:hunter2@mcp.example/db?sslmode=require"',
    ],
)
def test_the_settings_are_shown_without_the_credentials_of_their_urls(at, tmp_path, settings):
    (tmp_path / "doorward.toml").write_text(settings + "\n")
    for shown in (at("config", "show"), at("config", "show", "--json")):
        assert "mcp.example" in str(shown)
        assert "hunter2" not in str(shown)


def test_the_settings_are_checked(at, tmp_path):
    assert at("config", "check", "--json") == {"good": True, "problems": []}
    (tmp_path / "doorward.toml").write_text("prot = 1\nport = 70000\n")
    assert run(["config", "check"]) == 2


def test_a_check_as_json_lists_every_fault(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doorward.toml").write_text("prot = 1\nport = 70000\n")
    assert run(["config", "check", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert not found["good"]
    assert [problem["where"] for problem in found["problems"]] == ["prot in doorward.toml", "port in doorward.toml"]


def test_the_schema_is_printed(at):
    assert "public_url" in json.loads(at("config", "schema"))["properties"]
