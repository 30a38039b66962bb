"""What single settings must be, and what they must be together."""

import pytest
from one_door import one_door

from doorward.config.addresses import mcp_url
from doorward.config.load import load
from doorward.config.model import Config
from doorward.config.policy import policy_of
from doorward.config.settings import door_settings
from doorward.errors import ConfigError
from doorward.oauth.metadata import authorization_server, protected_resource


def fault(tmp_path, **flags) -> str:
    with pytest.raises(ConfigError) as caught:
        load(flags, {}, tmp_path)
    (problem,) = caught.value.problems
    return str(problem)


def test_a_title_is_one_line(tmp_path):
    assert load({"title": " Team notes "}, {}, tmp_path).config.doors[0].title == "Team notes"
    for bad in ("two\nlines", "x" * 101):
        assert "is not a title" in fault(tmp_path, title=bad)


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("https://mcp.example.com", "https://mcp.example.com"),
        ("https://mcp.example.com/", "https://mcp.example.com"),
        ("https://MCP.Example.com:443/mcp", "https://mcp.example.com"),
        ("https://mcp.example.com:8443/mcp/", "https://mcp.example.com:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000"),
        ("HTTPS://MCP.Example.com/Team/", "https://mcp.example.com/Team"),
        ("https://mcp.example.com/team/mcp", "https://mcp.example.com/team"),
        ("https://mcp.example.com/team/notmcp", "https://mcp.example.com/team/notmcp"),
        ("https://mcp.example.com/a/b.c", "https://mcp.example.com/a/b.c"),
        ("http://127.0.0.1:8000/team", "http://127.0.0.1:8000/team"),
    ],
)
def test_the_public_url_has_one_spelling(tmp_path, given, canonical):
    assert load({"public_url": given}, {}, tmp_path).config.public_url == canonical


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://mcp.example.com", "Write https://mcp.example.com"),
        ("mcp.example.com", "Write https://mcp.example.com"),
        ("https://mcp.example.com/a b", "does not have a plain path"),
        ("https://mcp.example.com/a%2fb", "does not have a plain path"),
        ("https://mcp.example.com/a//b", "does not have a plain path"),
        ("https://mcp.example.com/../b", "does not have a plain path"),
        ("https://mcp.example.com/;b", "does not have a plain path"),
        ("https://mcp.example.com/a+b", "does not have a plain path"),
        ("https://mcp.example.com/-/team", "begins with a path of Doorward's own"),
        ("https://mcp.example.com/.well-known", "does not have a plain path"),
        ("https://mcp.example.com/token/mcp", "begins with a path of Doorward's own"),
        ("https://mcp.example.com?x=1", "has more than a path"),
        ("https://mcp.example.com/team#x", "has more than a path"),
        ("https://me:pw@mcp.example.com", "holds a credential"),
        ("https://mcp.example.com:99999", "is not a URL"),
        ("ftp://mcp.example.com", "is not an https URL"),
        ("https://", "is not an https URL"),
    ],
)
def test_a_public_url_that_clients_could_not_use_is_refused(tmp_path, given, expected):
    assert expected in fault(tmp_path, public_url=given)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("port", "0", 0),
        ("port", "65535", 65535),
        ("workers", "64", 64),
        ("stdio_sessions_limit", "1", 1),
        ("stdio_session_idle_seconds", "604800", 604_800),
        ("stdio_unread_limit_bytes", "1048576", 1024 * 1024),
        ("path", "/mcp/", "/mcp"),
        ("path", "/v1.2/tools", "/v1.2/tools"),
        ("host", "[::1]", "::1"),
        ("host", "localhost", "localhost"),
        ("allowed_origins", "https://APP.example.com/", ("https://app.example.com",)),
        ("allowed_hosts", "mcp.internal:8000,MCP.internal", ("mcp.internal:8000", "mcp.internal")),
        ("token_header", "X-API-Key", "X-API-Key"),
        ("scopes", "read,read", ("read",)),
        ("drain_seconds", "0", 0),
    ],
)
def test_a_good_value_is_taken_in_its_one_spelling(tmp_path, name, given, value):
    config = load({name: given}, {}, tmp_path).config
    assert getattr(config.doors[0] if name in door_settings() else config, name) == value


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("port", "65536"),
        ("port", "-1"),
        ("port", "8000.5"),
        ("workers", "0"),
        ("workers", "65"),
        ("path", "mcp"),
        ("path", "/"),
        ("path", "/a//b"),
        ("path", "/a/../b"),
        ("path", "/./a"),
        ("path", "/.well-known/x"),
        ("path", "/a%2fb"),
        ("path", "/a?b"),
        ("path", "/-/door"),
        ("path", "/authorize"),
        ("path", "/register/x"),
        ("path", "/metrics"),
        ("host", "http://127.0.0.1"),
        ("host", "a b"),
        ("auth", "oath"),
        ("login", "github"),
        ("database", "mysql://x"),
        ("database", "sqlite:///"),
        ("database", "sqlite:///:memory:"),
        ("database", "data.sqlite"),
        ("scopes", ","),
        ("scopes", 'read,wr"ite'),
        ("token_header", "Authorization"),
        ("token_header", "Mcp-Session-Id"),
        ("token_header", "DPoP"),
        ("token_header", "X Key"),
        ("token_header", "X-Request-Id"),
        ("token_header", "X-Doorward-Identity"),
        ("token_header", "Proxy"),
        ("token_header", "Mcp_Session_Id"),
        ("allowed_origins", "*"),
        ("allowed_origins", "null"),
        ("allowed_origins", "https://app.example.com/page"),
        ("allowed_hosts", "*"),
        ("allowed_hosts", "mcp.internal:0"),
        ("trusted_proxies", "proxy"),
        ("body_limit_bytes", "0"),
        ("upstream_timeout_seconds", "0"),
        ("head_timeout_seconds", "0"),
        ("audit_retention_days", "-1"),
        ("head_timeout_seconds", "3601"),
        ("write_timeout_seconds", "0"),
        ("write_timeout_seconds", "3601"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("data_dir", " "),
    ],
)
def test_a_bad_value_is_one_fault_at_its_flag(tmp_path, name, given):
    assert fault(tmp_path, **{name: given}).startswith(f"--{name.replace('_', '-')}: ")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "mcp.internal"])
def test_listening_for_others_needs_a_public_url(tmp_path, host):
    assert "--public-url" in fault(tmp_path, host=host)
    assert load({"host": host, "public_url": "https://mcp.example.com"}, {}, tmp_path).config.host == host


@pytest.mark.requirement("U-10")
@pytest.mark.parametrize(
    "exposed",
    [
        {"host": "0.0.0.0", "public_url": "https://mcp.example.com"},
        {"host": "127.0.0.1", "public_url": "https://mcp.example.com"},
        {"host": "0.0.0.0", "public_url": "http://localhost:8000"},
    ],
)
def test_no_check_at_all_where_others_reach_needs_a_word_that_says_so(tmp_path, exposed):
    assert "--allow-public-without-auth" in fault(tmp_path, auth="none", **exposed)
    permitted = {**exposed, "auth": "none", "allow_public_without_auth": True}
    assert load(permitted, {}, tmp_path).config.doors[0].auth == "none"


def test_no_check_at_all_is_fine_on_this_machine(tmp_path):
    assert load({"auth": "none"}, {}, tmp_path).config.doors[0].auth == "none"


def test_several_workers_cannot_share_memory(tmp_path):
    assert "memory" in fault(tmp_path, database="memory://", workers="2")
    assert load({"database": "memory://"}, {}, tmp_path).config.workers == 1


@pytest.mark.parametrize(
    ("config", "url"),
    [
        (Config(public_url="https://mcp.example.com"), "https://mcp.example.com/mcp"),
        (one_door(port=9000, path="/x"), "http://127.0.0.1:9000/x"),
        (Config(host="::1", port=80), "http://[::1]/mcp"),
    ],
)
def test_the_address_of_the_door_follows_from_the_settings(config, url):
    assert mcp_url(config) == url


def test_a_table_of_scopes_is_written_in_a_file_or_in_a_variable(tmp_path):
    expected = {"delete_*": ("files:write", "mcp"), "read": ("files:read",)}
    (tmp_path / "doorward.toml").write_text(
        '[tool_scopes]\n"delete_*" = ["files:write", "mcp", "mcp"]\nread = ["files:read"]\n'
    )
    assert load({}, {}, tmp_path).config.doors[0].tool_scopes == expected
    (tmp_path / "doorward.toml").unlink()
    variable = {"DOORWARD_TOOL_SCOPES": "delete_*=files:write mcp, read=files:read"}
    assert load({}, variable, tmp_path).config.doors[0].tool_scopes == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"DOORWARD_TOOL_SCOPES": "read="}, "has no scopes"),
        ({"DOORWARD_TOOL_SCOPES": "=files"}, "names nothing"),
        ({"DOORWARD_METHOD_SCOPES": 'read=fi"les'}, "is not a scope"),
        ({"DOORWARD_TOOL_SCOPES": "read=a", "DOORWARD_AUTH": "none"}, "nobody's scopes are known"),
    ],
)
def test_a_table_of_scopes_that_would_protect_nothing_is_refused(tmp_path, variables, expected):
    with pytest.raises(ConfigError) as caught:
        load({}, variables, tmp_path)
    assert expected in str(caught.value)


def test_scopes_of_operations_are_published_by_the_authorization_server_only():
    config = one_door(tool_scopes={"x": ("write",)}, scope_implies={"admin": ("write", "mcp")})
    policy = policy_of(config)
    assert policy.door_scopes == ("mcp",)
    assert policy.all_scopes == ("mcp", "write", "admin")
    assert protected_resource(policy.default_resource, policy=policy)["scopes_supported"] == ["mcp"]
    assert authorization_server(policy)["scopes_supported"] == ["mcp", "write", "admin"]
