from __future__ import annotations

import pytest

from doorward.doctor.checks.inner_urls import why_inner

URL = "https://mcp.example.com/mcp"


@pytest.mark.parametrize(
    ("typed", "url", "inner"),
    [
        (URL, "https://mcp.example.com/x", False),
        (URL, "https://auth.example.net/x", False),
        (URL, "https://auth.example.net:8443/x", False),
        (URL, "http://mcp.example.com/x", True),
        (URL, "https://localhost/x", True),
        (URL, "https://192.168.1.4/x", True),
        (URL, "https://[fd00::1]/x", True),
        (URL, "https://keycloak/x", True),
        (URL, "https://idp.corp.internal/x", True),
        ("http://127.0.0.1:8000/mcp", "http://localhost:8000/x", False),
        ("http://mcp:8000/mcp", "http://keycloak:8080/x", False),
        ("http://127.0.0.1:9000/mcp", "http://web:8000/x", True),
        ("http://10.0.0.5/mcp", "http://localhost:8000/x", True),
        ("http://127.0.0.1:9000/mcp", "http://localhost:8000/x", False),
        (URL, "http://[", False),
        (URL, "nonsense", False),
    ],
)
def test_what_leads_inside_is_told_from_what_is_merely_elsewhere(typed, url, inner):
    assert bool(why_inner(typed, url)) is inner


def test_the_endpoint_itself_is_at_no_other_port_of_the_machine():
    assert why_inner("http://127.0.0.1:9000/mcp", "http://localhost:8000/mcp", own=True)
    assert not why_inner("http://127.0.0.1:9000/mcp", "http://localhost:9000/mcp", own=True)
