"""`doorward config` where a file has many doors."""

from doorward.cli.main import run

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
