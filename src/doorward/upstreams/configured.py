"""Builds the upstream from the settings, or wraps the server that a program passed to its door."""

from __future__ import annotations

from doorward.config.header_rules import NO_REQUEST_TO_ADD_TO
from doorward.config.model import CommandTarget, DoorSettings, PythonTarget, UrlTarget
from doorward.errors import ConfigError, Problem
from doorward.upstreams.asgi.python_target import as_asgi, load_target
from doorward.upstreams.asgi.upstream import AsgiUpstream
from doorward.upstreams.http.upstream import HttpUpstream
from doorward.upstreams.port import Upstream


def upstream_for(door: DoorSettings, app: object = None, made: Upstream | None = None, *, public_host: str) -> Upstream:
    """Return the upstream of a door; imports the user's module for a Python target.

    `app` is a server, an ASGI app or the URL of a remote server, and replaces the target in the settings. `made` is an
    existing upstream. `public_host` is the `Host` that an app in this process sees.

    Raises:
        ConfigError, StartError: the target cannot be used, or a setting has no effect with it; says why.
    """
    is_url = isinstance(app, str) or (app is None and isinstance(door.target, UrlTarget))
    if door.upstream_headers is not None and (made is not None or not is_url):
        fault = NO_REQUEST_TO_ADD_TO
        raise ConfigError([Problem(fault.what, fault.why, fault.fix, "Door(upstream_headers=...)")])
    if made is not None:
        return made
    return _of_target(door, public_host) if app is None else _around(app, door, public_host)


def _of_target(door: DoorSettings, public_host: str) -> Upstream:
    match door.target:
        case UrlTarget(url):
            return HttpUpstream.configured(url, door, name=_name(door))
        case CommandTarget(arguments):
            from doorward.upstreams.stdio.upstream import StdioUpstream

            return StdioUpstream(
                arguments,
                name=_name(door),
                timeout_seconds=door.upstream_timeout_seconds,
                session_idle_seconds=door.stdio_session_idle_seconds,
                max_sessions=door.stdio_sessions_limit,
                unread_limit_bytes=door.stdio_unread_limit_bytes,
            )
        case PythonTarget(location, name):
            return _around(load_target(location, name), door, public_host)
        case None:
            raise TypeError("a door needs something to stand in front of")


def _around(target: object, door: DoorSettings, public_host: str) -> Upstream:
    if isinstance(target, str):
        return HttpUpstream.configured(target, door, name=_name(door))
    app, _ = as_asgi(target, door.path)
    return AsgiUpstream(app, path=door.path, public_host=public_host, name=_name(door))


def _name(door: DoorSettings) -> str:
    return f"The MCP server behind {door.path}"
