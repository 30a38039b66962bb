"""Whether a host application has mounted the server at the place that its public URL names.

A wrong place shows only when a request comes, and then every published address is wrong.

Spec: RFC 9110 s15.5.20 (421)
"""

from __future__ import annotations

import logging

from starlette.types import ASGIApp

from doorward.edge.frame import json_response
from doorward.edge.mounting import local_path
from doorward.errors import Problem
from doorward.paths import LIVENESS, METRICS, READINESS, path_of
from doorward.upstreams.port import Scope

LOGGER = logging.getLogger("doorward")
_PROBES = frozenset({LIVENESS, READINESS, METRICS})
"""They name no address, so they are answered wherever the server is mounted."""


class Placement:
    """Compares the mount point of requests with the public URL, and logs a difference once."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._base_path = path_of(issuer)
        self._is_logged = False

    def refusal(self, scope: Scope) -> ASGIApp | None:
        """Return what answers a request at the wrong place; None if it is to be served."""
        root: str = scope.get("root_path", "").rstrip("/")
        if self._base_path.endswith(root):  # `root` begins with a slash, so it ends where a segment does
            return None
        # Starlette, and what is built on it, keeps what was there before its own mounts: a path that a proxy took off.
        mount = root.removeprefix(scope.get("app_root_path", root).rstrip("/"))
        is_certain = bool(mount) and not self._base_path.endswith(mount)
        problem = self._problem(mount or root, is_certain=is_certain)
        if not self._is_logged:
            self._is_logged = True
            level = logging.ERROR if is_certain else logging.WARNING
            LOGGER.log(level, "%s", problem)  # a host application shows the message of a line, and not its fields
        if not is_certain or local_path(scope) in _PROBES:
            return None
        return json_response(
            {"error": "misdirected_request", "error_description": f"{problem.what}. {problem.fix}"}, 421
        )

    def _problem(self, mount: str, *, is_certain: bool) -> Problem:
        what = f"This server is mounted at {mount}, but its public URL is {self._issuer}"
        why = "Every address that it publishes leads elsewhere, so no client can sign in."
        unless = "" if is_certain else ", unless a proxy in front adds that path"
        return Problem(what, why, f"Set public_url to the URL that clients type up to {mount}{unless}.")
