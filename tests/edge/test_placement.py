"""A server that is mounted elsewhere than its public URL says."""

from __future__ import annotations

import logging

import pytest

from doorward.edge.placement import Placement

HOST = "https://host.example"


@pytest.mark.parametrize(
    ("issuer", "scope"),
    [
        (HOST, {"path": "/mcp"}),
        (HOST, {"path": "/mcp", "root_path": ""}),
        (f"{HOST}/api", {"path": "/api/mcp", "root_path": "/api", "app_root_path": ""}),
        (f"{HOST}/api", {"path": "/api/mcp", "root_path": "/api/"}),
        (f"{HOST}/team/api", {"path": "/api/mcp", "root_path": "/api", "app_root_path": ""}),
        (f"{HOST}/team/api", {"path": "/team/api/mcp", "root_path": "/team/api", "app_root_path": "/team"}),
        (f"{HOST}/team", {"path": "/team/mcp", "root_path": "/team", "app_root_path": "/team"}),
        (f"{HOST}/team", {"path": "/team/mcp"}),
    ],
)
def test_a_server_at_the_place_that_its_public_url_names_serves(caplog, issuer, scope):
    assert Placement(issuer).refusal(scope) is None
    assert caplog.records == []


@pytest.mark.parametrize(
    ("issuer", "scope"),
    [
        (HOST, {"path": "/api/mcp", "root_path": "/api", "app_root_path": ""}),
        (HOST, {"path": "/pre/api/mcp", "root_path": "/pre/api", "app_root_path": "/pre"}),
        (f"{HOST}/team", {"path": "/api/mcp", "root_path": "/api", "app_root_path": ""}),
        (f"{HOST}/xapi", {"path": "/api/mcp", "root_path": "/api", "app_root_path": ""}),
        (f"{HOST}/api/team", {"path": "/api/mcp", "root_path": "/api", "app_root_path": ""}),
    ],
)
def test_a_server_that_a_framework_mounts_elsewhere_refuses_and_says_so_once(caplog, issuer, scope):
    placement = Placement(issuer)
    for _ in range(3):
        refusal = placement.refusal(scope)
        assert refusal is not None
        assert refusal.status_code == 421
        assert b"mounted at /api" in refusal.body
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "Set public_url to the URL that clients type up to /api." in record.getMessage()


@pytest.mark.parametrize("path", ["/api/livez", "/api/readyz", "/api/metrics"])
def test_probes_are_answered_wherever_the_server_is_mounted(path):
    assert Placement(HOST).refusal({"path": path, "root_path": "/api", "app_root_path": ""}) is None


def test_a_prefix_that_a_proxy_may_have_taken_off_is_a_warning(caplog):
    """It may be a mount point at the wrong place, or a path that only the proxy in front uses."""
    placement = Placement(HOST)
    for _ in range(3):
        assert placement.refusal({"path": "/pre/mcp", "root_path": "/pre"}) is None
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "unless a proxy in front adds that path" in record.getMessage()
