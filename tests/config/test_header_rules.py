"""Which headers an operator may let pass, and which the upstream may be given."""

from pathlib import Path

import pytest

from doorward.config.header_rules import header_lines
from doorward.config.load import from_keywords, load
from doorward.config.model import DoorSettings
from doorward.errors import ConfigError

NEVER = [
    *("Authorization", "Cookie", "DPoP", "Host", "Connection", "TE", "Transfer-Encoding", "Content-Length", "Via"),
    *("X-Forwarded-For", "X-Doorward-Identity", "x_doorward_identity", "X-Request-Id", "Mcp-Session-Id", "Proxy"),
    *("Proxy-Authorization", "Sec-Fetch-Site", "Upgrade", "HTTP2-Settings", "X A", ""),
]


@pytest.mark.parametrize("name", NEVER)
def test_no_client_may_send_these_to_the_upstream(name, tmp_path):
    with pytest.raises(ConfigError):
        from_keywords({"forward_headers": [name]}, tmp_path)


@pytest.mark.parametrize("name", [name for name in NEVER if name not in {"Authorization", "Cookie", "DPoP"}])
def test_the_operator_cannot_set_what_the_hop_or_doorward_sets(name, tmp_path):
    with pytest.raises(ConfigError):
        from_keywords({"upstream_headers": f"{name}: x"}, tmp_path)


@pytest.mark.parametrize("text", ["X-Key", "X-Key:", "X-Key: a\x00b", "X-Key: a\nX-Key: b", "X-Key: \u00e4"])
def test_what_is_no_header_is_a_fault_that_does_not_show_the_value(text, tmp_path):
    with pytest.raises(ConfigError) as found:
        from_keywords({"upstream_headers": text.replace("a", "SECRET")}, tmp_path)
    assert "SECRET" not in str(found.value)


def test_names_are_kept_in_lower_case_and_once(tmp_path):
    assert from_keywords({"forward_headers": ["X-Tenant-Id", "x-tenant-id"]}, tmp_path).doors[0].forward_headers == (
        "x-tenant-id",
    )


def test_the_lines_may_come_from_a_file_and_are_never_shown(tmp_path: Path):
    (tmp_path / "keys").write_text("Authorization: Bearer k1\nX-Api-Key: k2\n")
    (tmp_path / "doorward.toml").write_text('target = "http://127.0.0.1:9/mcp"\nupstream_headers_file = "keys"\n')
    config = load({}, {}, tmp_path).config
    assert header_lines(config.doors[0].upstream_headers or "") == [
        (b"authorization", b"Bearer k1"),
        (b"x-api-key", b"k2"),
    ]
    assert "k1" not in repr(config)


@pytest.mark.parametrize(
    ("target", "settings"),
    [
        ("server.py", {"upstream_headers": "X-Key: a"}),
        (["python", "server.py"], {"upstream_headers": "X-Key: a"}),
        (["python", "server.py"], {"forward_headers": ["X-Tenant-Id"]}),
    ],
)
def test_a_target_that_gets_no_such_headers_is_a_fault(tmp_path, target, settings):
    with pytest.raises(ConfigError):
        from_keywords({"target": target, **settings}, tmp_path)


def test_nothing_is_added_or_passed_unless_it_is_set():
    assert (DoorSettings(name="mcp").forward_headers, DoorSettings(name="mcp").upstream_headers) == ((), None)
