"""The path of a request relative to where a host application mounted this one.

ASGI puts the mount point into `root_path`. Most servers and frameworks keep it in `path` too, but not all. So it is
removed only if the path starts with it, and only at the end of a segment.
"""

from __future__ import annotations

from doorward.upstreams.port import Scope


def local_path(scope: Scope) -> str:
    """Return the decoded path of a request relative to the mount point."""
    path: str = scope["path"]
    return path[mount_length(scope) :] or "/"


def mount_length(scope: Scope) -> int:
    """Return how many characters of `path` belong to the mount point."""
    root: str = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    return len(root) if path.startswith(root) and path[len(root) : len(root) + 1] in {"", "/"} else 0
