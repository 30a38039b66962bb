"""Where a request is below a mount point."""

from __future__ import annotations

import pytest

from doorward.edge.mounting import below, local_path, mount_length


@pytest.mark.parametrize(
    ("path", "root_path", "local"),
    [
        ("/mcp", "", "/mcp"),
        ("/tools/mcp", "/tools", "/mcp"),
        ("/tools/mcp", "/tools/", "/mcp"),
        ("/tools", "/tools", "/"),
        ("/tools/", "/tools", "/"),
        ("/mcp", "/tools", "/mcp"),
        ("/toolsmcp", "/tools", "/toolsmcp"),
        ("/tools/tools/mcp", "/tools", "/tools/mcp"),
        ("/token", "/to", "/token"),
        ("", "", "/"),
    ],
)
def test_a_mount_point_is_cut_only_where_it_is(path, root_path, local):
    scope = {"path": path, "root_path": root_path}
    assert local_path(scope) == local
    assert (path[mount_length(scope) :] or "/") == local


def test_a_scope_without_a_mount_point_has_none():
    assert local_path({"path": "/mcp"}) == "/mcp"


@pytest.mark.parametrize(
    ("path", "root_path", "local"),
    [
        ("/team/mcp", "", "/mcp"),
        ("/mcp", "", "/mcp"),
        ("/team", "", "/"),
        ("/team/", "", "/"),
        ("/teams/mcp", "", "/teams/mcp"),
        ("/Team/mcp", "", "/Team/mcp"),
        ("//team/mcp", "", "//team/mcp"),
        ("/team/team/mcp", "", "/team/mcp"),
        ("/team/mcp", "/team", "/mcp"),
        ("/team/team/mcp", "/team", "/team/mcp"),
        ("/pre/team/team/mcp", "/pre/team/", "/team/mcp"),
        ("/pre/team/mcp", "/pre", "/mcp"),
        ("/pre/mcp", "/pre", "/mcp"),
        ("/team/mcp", "/pre", "/mcp"),
        ("/.well-known/oauth-authorization-server/team", "", "/.well-known/oauth-authorization-server/team"),
    ],
)
def test_the_path_of_the_public_url_is_cut_once_if_it_was_passed_on(path, root_path, local):
    scope = below("/team", {"path": path, "root_path": root_path})
    assert local_path(scope) == local
    assert scope["path"] == path
