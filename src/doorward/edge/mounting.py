"""The path of a request relative to where a host application mounted this one, or a proxy leads to it.

ASGI puts the mount point into `root_path`. Most servers and frameworks keep it in `path` too, but not all. So it is
removed only if the path starts with it, and only at the end of a segment. The path of the public URL is removed in the
same way: a proxy in front may pass it on or strip it, and the path shows which. No door and no path of ours starts
with it, so there is one reading. Headers such as `X-Forwarded-Prefix` are ignored.
"""

from __future__ import annotations

from doorward.paths import is_below
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


def below(base: str, scope: Scope) -> Scope:
    """Return the scope with `base`, the path of the public URL, as part of its mount point, if it was passed on."""
    is_mounted_there = scope.get("root_path", "").rstrip("/").endswith(base)
    if is_mounted_there or not is_below(base, local_path(scope)):
        return scope
    path: str = scope["path"]
    return {**scope, "root_path": path[: mount_length(scope) + len(base)]}
