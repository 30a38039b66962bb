"""Where a request is below the point at which a host application has mounted this one.

ASGI puts the mount point into `root_path`, and most servers and frameworks leave it in `path` as well; some do not. So
it is cut only if the path begins with it, and only at the end of a segment.
"""

from __future__ import annotations

from doorward.upstreams.port import Scope


def local_path(scope: Scope) -> str:
    """Return the decoded path of a request below the mount point."""
    path: str = scope["path"]
    return path[mount_length(scope) :] or "/"


def mount_length(scope: Scope) -> int:
    """Return how many characters of `path` belong to the mount point."""
    root: str = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    return len(root) if path.startswith(root) and path[len(root) : len(root) + 1] in {"", "/"} else 0
