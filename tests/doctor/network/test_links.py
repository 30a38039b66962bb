from __future__ import annotations

import pytest

from doorward.doctor.network.links import urljoin, urlsplit

ODD = ["http://[", "http://[::1", "http://a:99999999/", "http://a:x/", "//[", "http://\u2100/"]


@pytest.mark.parametrize("url", ODD)
def test_a_url_that_cannot_be_taken_apart_is_empty(url):
    assert urlsplit(url).geturl() == ""
    assert (urlsplit(url).hostname, urlsplit(url).port) == (None, None)


@pytest.mark.parametrize("location", ["http://[", "//[", "http://[::1"])
def test_a_location_that_cannot_be_joined_leads_nowhere(location):
    assert urljoin("https://mcp.example.com/mcp", location) == ""


def test_good_urls_are_what_they_are():
    assert urlsplit("https://a.example:8443/x?y#z").port == 8443
    assert urljoin("https://a.example/mcp", "/mcp/") == "https://a.example/mcp/"
