"""No address of this server is a redirect URI, however it is spelled."""

import pytest

from doorward.oauth.clients.redirect_uris import check_registrable, check_usable
from doorward.oauth.errors import InvalidRedirectUri, Reason

ISSUER = "https://door.example"

OWN_ORIGINS = [
    ("https://door.example", "https://door.example"),
    ("https://door.example", "https://DOOR.example"),
    ("https://door.example", "https://door.example:443"),
    ("https://door.example:8443", "https://door.example:8443"),
    ("https://192.0.2.7", "https://[::ffff:192.0.2.7]"),
    ("https://[2001:db8::1]", "https://[2001:0DB8:0:0:0:0:0:1]"),
    ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ("http://127.0.0.1:8000", "http://localhost:8000"),
    ("http://127.0.0.1:8000", "http://LOCALHOST:8000"),
    ("http://127.0.0.1:8000", "http://[::1]:8000"),
    ("http://127.0.0.1:8000", "http://127.9.9.9:8000"),
    ("http://127.0.0.1:8000", "https://door.localhost:8000"),
    ("http://127.0.0.1:8000", "https://0.0.0.0:8000"),
    ("http://127.0.0.1:8000", "https://[::]:8000"),
    ("http://127.0.0.1:8000", "https://[::ffff:127.0.0.1]:8000"),
    ("http://127.0.0.1:8000", "https://[::ffff:7f00:1]:8000"),
    ("http://[::1]:8000", "http://localhost:8000"),
    ("http://localhost", "http://127.0.0.1:80"),
]
OWN_PATHS = [
    "",
    "/",
    "/authorize?client_id=trusted",
    "/%61uthorize",
    "//authorize",
    "/token",
    "/register",
    "/register/x",
    "/par",
    "/mcp",
    "/mcp/",
    "/livez",
    "/.well-known/jwks.json",
    "/-/consent",
    "//-/x",
    "/%2d/callback/github",
    "/nothing/here/today",
]


@pytest.mark.requirement("B-12")
@pytest.mark.parametrize("path", OWN_PATHS)
@pytest.mark.parametrize(("issuer", "origin"), OWN_ORIGINS)
def test_no_address_of_this_server_is_a_redirect_target(issuer, origin, path):
    for check in (check_registrable, check_usable):
        with pytest.raises(InvalidRedirectUri) as refused:
            check(origin + path, issuer=issuer)
        assert refused.value.reason is Reason.OWN_REDIRECT_URI


@pytest.mark.requirement("B-12")
@pytest.mark.parametrize(
    ("issuer", "uri"),
    [
        ("https://door.example/path", "https://door.example/path/-/callback/x"),
        ("http://127.0.0.1:8000/path", "http://localhost:9/path/-/callback/x"),
        ("http://127.0.0.1:8000/path", "http://localhost:9/-/callback/x"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/-/callback/x"),
        ("http://127.0.0.1:8000", "http://localhost:9/-/callback/x"),
        ("http://127.0.0.1:8000", "http://localhost:9//-/callback/x"),
        ("http://127.0.0.1:8000", "http://localhost:9/%2d/callback/x"),
        ("http://localhost:8000", "http://[::1]/-/callback/x"),
    ],
)
def test_our_own_pages_are_no_redirect_target_on_any_port_of_this_machine(issuer, uri):
    with pytest.raises(InvalidRedirectUri) as refused:
        check_registrable(uri, issuer=issuer)
    assert refused.value.reason is Reason.OWN_REDIRECT_URI


@pytest.mark.requirement("B-12")
@pytest.mark.parametrize(
    ("host", "uri"),
    [
        ("inner.example", "https://inner.example/authorize"),
        ("inner.example.", "https://INNER.example:443/x"),
        ("inner.example:8443", "https://inner.example:8443/x"),
        ("2001:db8::1", "https://[2001:db8::1]/x"),
        ("[2001:db8::1]:8443", "https://[2001:db8:0::1]:8443/x"),
    ],
)
def test_a_further_host_of_this_server_is_no_redirect_target(host, uri):
    with pytest.raises(InvalidRedirectUri) as refused:
        check_registrable(uri, issuer=ISSUER, other_hosts=(host,))
    assert refused.value.reason is Reason.OWN_REDIRECT_URI
    check_registrable(uri, issuer=ISSUER, other_hosts=("other.example", "inner.example:9"))


def test_a_loopback_uri_without_a_port_is_judged_by_the_port_that_is_used():
    check_registrable("http://127.0.0.1/callback", issuer="http://localhost")
    check_usable("http://127.0.0.1:4711/callback", issuer="http://localhost")
    for presented in ("http://127.0.0.1/callback", "http://127.0.0.1:80/callback"):
        with pytest.raises(InvalidRedirectUri):
            check_usable(presented, issuer="http://localhost")


@pytest.mark.parametrize(
    ("issuer", "uri"),
    [
        (ISSUER, "https://door.example:8443/cb"),
        (ISSUER, "https://app.door.example/cb"),
        (ISSUER, "https://other.example/-/callback/x"),
        (ISSUER, "http://localhost/-/callback/x"),
        (ISSUER, "com.example.app:/authorize"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001/authorize"),
        ("http://127.0.0.1:8000", "http://127.0.0.1/"),
    ],
)
def test_what_is_not_ours_is(issuer, uri):
    check_registrable(uri, issuer=issuer)
    check_usable(uri, issuer=issuer)


@pytest.mark.requirement("B-12")
@pytest.mark.parametrize(
    "path",
    [
        "/team",
        "/team/",
        "/team/authorize",
        "/team/mcp",
        "/team/nothing/here",
        "//team/authorize",
        "/%74eam/authorize",
        "/TEAM/authorize",
        "/authorize",
        "/-/login",
        "/.well-known/oauth-authorization-server/team",
        "/Token",
    ],
)
def test_below_a_path_no_address_that_this_server_may_serve_is_a_redirect_target(path):
    """A proxy may take the path off, so our own paths count without it as well."""
    for check in (check_registrable, check_usable):
        with pytest.raises(InvalidRedirectUri) as refused:
            check(f"https://door.example{path}", issuer="https://door.example/team")
        assert refused.value.reason is Reason.OWN_REDIRECT_URI


@pytest.mark.parametrize("path", ["", "/", "/other/callback", "/teams/callback", "/team-b/callback", "/x/team"])
def test_other_programs_of_the_same_host_may_be_clients_of_a_server_below_a_path(path):
    check_registrable(f"https://door.example{path}", issuer="https://door.example/team")
    check_usable(f"https://door.example{path}", issuer="https://door.example/team")


@pytest.mark.requirement("B-12")
def test_below_a_path_a_further_host_is_ours_as_a_whole():
    """Nothing says which of its paths lead here."""
    with pytest.raises(InvalidRedirectUri):
        check_usable("https://inner.example/x", issuer="https://door.example/team", other_hosts=("inner.example",))
