"""Where a request is below a mount point."""

from __future__ import annotations

import pytest

from doorward.edge.mounting import local_path, mount_length


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
