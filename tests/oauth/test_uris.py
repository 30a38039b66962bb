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
