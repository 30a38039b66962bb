"""The upstream that the settings describe, or that is around what a program has handed to its door."""

from __future__ import annotations

from urllib.parse import urlsplit

from doorward.config.addresses import public_origin
from doorward.config.header_rules import NO_REQUEST_TO_ADD_TO
from doorward.config.model import CommandTarget, Config, PythonTarget, UrlTarget
from doorward.errors import ConfigError, Problem
from doorward.upstreams.asgi.python_target import as_asgi, load_target
from doorward.upstreams.asgi.upstream import AsgiUpstream
from doorward.upstreams.http.upstream import HttpUpstream
from doorward.upstreams.port import Upstream


def upstream_for(config: Config, app: object = None, made: Upstream | None = None) -> Upstream:
    """Return the upstream of a door, and import the user's module for a Python target.

    `app` is a server, an ASGI app or the URL of a remote server, and stands for the target of the settings. `made` is
    an upstream that exists already.

    Raises:
        ConfigError, StartError: the target cannot be used, or a setting has no effect with it; says why.
    """
    is_url = isinstance(app, str) or (app is None and isinstance(config.target, UrlTarget))
    if config.upstream_headers is not None and (made is not None or not is_url):
        fault = NO_REQUEST_TO_ADD_TO
        raise ConfigError([Problem(fault.what, fault.why, fault.fix, "Door(upstream_headers=...)")])
    if made is not None:
        return made
    return _of_target(config) if app is None else _around(app, config)


def _of_target(config: Config) -> Upstream:
    match config.target:
        case UrlTarget(url):
            return HttpUpstream.configured(url, config, name=_name(config))
        case CommandTarget(arguments):
            from doorward.upstreams.stdio.upstream import StdioUpstream

            return StdioUpstream(
                arguments,
                name=_name(config),
                timeout_seconds=config.upstream_timeout_seconds,
                session_idle_seconds=config.stdio_session_idle_seconds,
                max_sessions=config.stdio_sessions_limit,
                unread_limit_bytes=config.stdio_unread_limit_bytes,
            )
        case PythonTarget(location, name):
            return _around(load_target(location, name), config)
        case None:
            raise TypeError("a door needs something to stand in front of")


def _around(target: object, config: Config) -> Upstream:
    if isinstance(target, str):
        return HttpUpstream.configured(target, config, name=_name(config))
    app, _ = as_asgi(target, config.path)
    public_host = urlsplit(public_origin(config)).netloc
    return AsgiUpstream(app, path=config.path, public_host=public_host, name=_name(config))


def _name(config: Config) -> str:
    return f"The MCP server behind {config.path}"
