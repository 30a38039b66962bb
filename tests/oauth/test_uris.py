import pytest

from doorward.oauth.uris import InvalidUri, parse, parse_http


def test_the_parts_are_kept_as_spelled_and_the_origin_is_canonical():
    parsed = parse("HTTPS://Host.Example:443/Path/?Q=1")
    assert (parsed.scheme, parsed.host, parsed.port, parsed.path, parsed.query) == (
        "HTTPS",
        "Host.Example",
        443,
        "/Path/",
        "Q=1",
    )
    assert parsed.origin == "https://host.example"
    assert parse("http://[2001:DB8::1]:8080").origin == "http://[2001:db8::1]:8080"


def test_a_fragment_is_dropped_where_it_is_allowed_and_refused_elsewhere():
    assert parse_http("https://a.example/x#/about?y", fragment_allowed=True).path == "/x"
    for uri, allowed in (("https://a.example/x#y", False), ("https://a.example/x#y<", True)):
        with pytest.raises(InvalidUri, match="fragment"):
            parse(uri, fragment_allowed=allowed)


@pytest.mark.parametrize("uri", ["com.example:/x", "cursor://host/x", "https:/x", "http:///x"])
def test_only_http_urls_with_a_host_are_http(uri):
    with pytest.raises(InvalidUri):
        parse_http(uri)


@pytest.mark.parametrize(
    ("host", "is_here", "is_plain"),
    [
        ("localhost", True, True),
        ("LocalHost", True, True),
        ("127.0.0.1", True, True),
        ("127.9.9.9", True, True),
        ("[::1]", True, True),
        ("door.localhost", True, False),
        ("0.0.0.0", True, False),
        ("[::]", True, False),
        ("[::ffff:127.0.0.1]", True, False),
        ("[::ffff:7f00:1]", True, False),
        ("[::ffff:0.0.0.0]", True, False),
        ("localhost.example", False, False),
        ("client.example", False, False),
        ("192.168.0.1", False, False),
        ("[::2]", False, False),
        ("[::ffff:192.0.2.7]", False, False),
        ("[2001:db8::1]", False, False),
    ],
)
def test_the_machine_itself_is_known_in_every_spelling_and_plain_only_in_some(host, is_here, is_plain):
    parsed = parse(f"https://{host}:4711/cb")
    assert (parsed.names_this_machine, parsed.is_plain_loopback) == (is_here, is_plain)


def test_an_app_scheme_leads_to_no_machine():
    assert not parse("com.example.app:/cb").names_this_machine


def test_an_http_url_with_a_fragment_is_refused_unless_it_is_allowed():
    with pytest.raises(InvalidUri, match="fragment"):
        parse_http("https://a.example/x#y")
