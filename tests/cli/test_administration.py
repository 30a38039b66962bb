"""Commands in an installation with two doors, run in this process."""

TWO_DOORS = """
public_url = "https://mcp.example.com"
default_door = "notes"

[doors.jobs]
target = "http://127.0.0.1:9/mcp"

[doors.notes]
target = "http://127.0.0.1:9/mcp"
scopes = ["notes"]
"""


def test_a_new_client_comes_with_the_url_of_every_door(at, tmp_path):
    (tmp_path / "doorward.toml").write_text(TWO_DOORS)
    doors = {name: f"https://mcp.example.com/{name}/mcp" for name in ("jobs", "notes")}
    made = at("clients", "add", "--preset", "claude", "--json")
    assert made["doors"] == doors
    assert made["mcp_url"] == doors["notes"]
    text = at("clients", "add", "--preset", "claude")
    assert all(f"MCP URL of {name}" in text for name in doors)
    assert all(url in text for url in doors.values())
