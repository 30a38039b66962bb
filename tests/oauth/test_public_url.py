import pytest

from doorward.oauth.public_url import canonical_origin


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://mcp.example.com", "https://mcp.example.com"),
        ("HTTPS://MCP.Example.com:443/", "https://mcp.example.com"),
        ("https://mcp.example.com:8443", "https://mcp.example.com:8443"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_has_one_spelling(url, origin):
    assert canonical_origin(url) == origin
    assert canonical_origin(origin) == origin


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://mcp.example.com/mcp", "origin only"),
        ("https://mcp.example.com?x", "query"),
        ("https://mcp.example.com#x", "fragment"),
        ("https://me@mcp.example.com", "userinfo"),
        ("http://mcp.example.com", "must be https"),
        ("http://10.0.0.1", "must be https"),
        ("ftp://mcp.example.com", "http or https"),
        ("mcp.example.com", "absolute"),
        ("", "absolute"),
        ("https://mcp.example.com:99999", "65535"),
        ("https://mcp.example.com/ü", "absolute"),
    ],
)
def test_an_unusable_public_url_is_refused_with_a_sentence(url, sentence):
    with pytest.raises(ValueError, match=sentence):
        canonical_origin(url)
