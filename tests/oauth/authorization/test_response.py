import pytest

from doorward.oauth.authorization.response import location


@pytest.mark.parametrize(
    ("redirect_uri", "expected"),
    [
        ("https://c.example/cb", "https://c.example/cb?code=a+b&state=%26%3D%23&iss=https%3A%2F%2Fd.example"),
        ("https://c.example/cb?t=1", "https://c.example/cb?t=1&code=a+b&state=%26%3D%23&iss=https%3A%2F%2Fd.example"),
        ("https://c.example/cb?", "https://c.example/cb?code=a+b&state=%26%3D%23&iss=https%3A%2F%2Fd.example"),
        ("https://c.example/cb?t&", "https://c.example/cb?t&code=a+b&state=%26%3D%23&iss=https%3A%2F%2Fd.example"),
        ("https://c.example/cb#f", "https://c.example/cb?code=a+b&state=%26%3D%23&iss=https%3A%2F%2Fd.example"),
    ],
)
def test_a_redirect_keeps_the_query_and_has_no_fragment(redirect_uri, expected):
    assert location(redirect_uri, code="a b", state="&=#", iss="https://d.example", nothing=None) == expected
