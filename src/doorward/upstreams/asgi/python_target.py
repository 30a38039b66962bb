"""Finds the MCP server in a Python file or module, and makes an ASGI app of it.

Objects are recognised by their methods, not by class, so no framework is imported here: FastMCP servers (`http_app`),
servers of the `mcp` SDK (`streamable_http_app`), ASGI 3 apps, and functions without parameters that return one of
these.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from doorward.errors import ConfigError, Problem, StartError
from doorward.upstreams.port import ASGIApp

NAMES: Final = ("mcp", "server", "app")
"""The names to look for, in this order, if none is given."""

_ASGI_PARAMETERS: Final = 3
_MOST_LISTED: Final = 12


def load_target(location: str, name: str | None = None) -> object:
    """Import a `.py` file or a dotted module and return the server in it.

    Raises:
        ConfigError: there is no such file, module or name, or nothing in it is a server.
        StartError: the user's code raised an exception on import; holds its traceback.
    """
    module = _load_file(Path(location)) if location.endswith(".py") else _load_module(location)
    if name is not None:
        return _named(module, location, name)
    for candidate in NAMES:
        value = getattr(module, candidate, None)
        if value is not None and not isinstance(value, ModuleType) and _kind(value) is not None:
            return cast("object", value)
    servers = {key: value for key, value in _public(module).items() if _is_server(value)}
    if len(servers) == 1:
        return next(iter(servers.values()))
    raise ConfigError([_nothing_found(location, module, servers)])


def as_asgi(obj: object, path: str) -> tuple[ASGIApp, str]:
    """Return an ASGI app that serves MCP at `path`, and a description of the object for the start message.

    Raises:
        ConfigError: it cannot be served, or it has its own authentication.
    """
    kind = _kind(obj)
    target: Any = obj
    if kind == "factory":
        obj = target()
        kind, target = _kind(obj), obj
    if kind is None or kind == "factory":
        raise ConfigError(
            [
                Problem(
                    what=f"A {type(obj).__qualname__} is no MCP server",
                    why="A FastMCP server, an `mcp` SDK server or an ASGI app can be served.",
                    where="target",
                )
            ]
        )
    if kind == "ASGI app":
        return cast("ASGIApp", target), kind
    _refuse_own_sign_in(target)
    if kind == "FastMCP server":
        return cast("ASGIApp", target.http_app(path=path)), kind
    if "streamable_http_path" in inspect.signature(target.streamable_http_app).parameters:
        return cast("ASGIApp", target.streamable_http_app(streamable_http_path=path)), kind
    target.settings.streamable_http_path = path  # mcp 1.x
    return cast("ASGIApp", target.streamable_http_app()), kind


def _kind(obj: Any) -> str | None:
    if inspect.isclass(obj):
        return None
    if callable(getattr(obj, "http_app", None)):
        return "FastMCP server"
    if callable(getattr(obj, "streamable_http_app", None)):
        return "MCP SDK server"
    if not callable(obj):
        return None
    try:
        required = [
            parameter
            for parameter in inspect.signature(obj).parameters.values()
            if parameter.default is parameter.empty and parameter.kind in {0, 1, 3}
        ]
    except (TypeError, ValueError):
        return None
    call = obj if inspect.isroutine(obj) else type(obj).__call__
    if len(required) == _ASGI_PARAMETERS:
        is_asgi = inspect.iscoroutinefunction(call) or required[0].name == "scope"
        return "ASGI app" if is_asgi else None
    if inspect.isroutine(obj) and not inspect.iscoroutinefunction(obj) and not required:
        return "factory"
    return None


def _is_server(value: object) -> bool:
    return _kind(value) in {"FastMCP server", "MCP SDK server"}


def _refuse_own_sign_in(server: Any) -> None:
    """Refuse a server that checks bearer tokens itself: the door never passes a token on, so every call would fail."""
    settings = getattr(server, "settings", None)
    if getattr(server, "auth", None) is None and getattr(settings, "auth", None) is None:
        return
    raise ConfigError(
        [
            Problem(
                what="The server has a sign-in of its own (`auth=...`)",
                why="The door signs people in and never passes a token on, so the server would refuse every call.",
                fix="Remove `auth=` from the server; get_access_token() and per-tool checks keep working.",
                where="target",
            )
        ]
    )


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        here = sorted(other.name for other in path.parent.glob("*.py")) if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, here, n=1)
        fix = f"Did you mean {path.with_name(close[0])}?" if close else f"Looked in {path.parent.resolve()}."
        raise ConfigError([Problem(what=f"There is no file {str(path)!r}", fix=fix, where="target")])
    path = path.resolve()
    name = path.stem
    if name in {"mcp", "fastmcp"}:
        raise ConfigError(
            [
                Problem(
                    what=f"The file {path.name!r} hides the package of the same name",
                    why=f"`import {name}` in it would import the file itself.",
                    fix="Rename it, for instance to server.py.",
                    where="target",
                )
            ]
        )
    _import_from(str(path.parent))
    if name in sys.modules or not name.isidentifier():
        name = f"doorward_target_{''.join(c if c.isalnum() else '_' for c in name)}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise _import_failed(str(path), error) from error
    return module


def _load_module(name: str) -> ModuleType:
    _import_from(str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            fix = f"A file is written with its ending: {name}.py" if Path(name + ".py").exists() else ""
            problem = Problem(what=f"There is no module {name!r}", why=str(error), fix=fix, where="target")
            raise ConfigError([problem]) from error
        raise _import_failed(name, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failed(name, error) from error


def _import_from(directory: str) -> None:
    if directory not in sys.path:
        sys.path.insert(0, directory)


def _import_failed(what: str, error: BaseException) -> StartError:
    """Keep only the user's frames: ours and the import system's say nothing about their mistake."""
    told = traceback.TracebackException.from_exception(error)
    frames = list(told.stack)
    theirs = [
        index
        for index, frame in enumerate(frames)
        if frame.filename != __file__ and "importlib" not in frame.filename.replace("\\", "/").split("/")
        if not frame.filename.startswith("<frozen importlib")
    ]
    told.stack = traceback.StackSummary.from_list(frames[theirs[0] :] if theirs else [])
    if isinstance(error, SystemExit):
        fix = "Guard the call that runs the server with `if __name__ == '__main__':`."
    elif isinstance(error, ModuleNotFoundError):
        fix = f"Install {error.name!r} next to Doorward, in the same environment."
    else:
        fix = "Fix the error above; Doorward only imported the file."
    return StartError(Problem(what=f"{what} could not be imported", why="".join(told.format()).rstrip(), fix=fix))


def _named(module: ModuleType, location: str, name: str) -> object:
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part, None)
        if value is None:
            close = difflib.get_close_matches(name, _public(module), n=1)
            fix = f"Did you mean {location}:{close[0]}?" if close else _listing(module)
            raise ConfigError([Problem(what=f"There is no {name!r} in {location}", fix=fix, where="target")])
    return cast("object", value)


def _nothing_found(location: str, module: ModuleType, servers: Mapping[str, object]) -> Problem:
    if servers:
        fix = "Name one: " + ", ".join(f"{location}:{key}" for key in servers)
        return Problem(what=f"{location} holds {len(servers)} servers", fix=fix, where="target")
    return Problem(
        what=f"There is no MCP server in {location}",
        why=f"Looked for {', '.join(NAMES)} that is a FastMCP server, an `mcp` SDK server or an ASGI app.",
        fix=_listing(module),
        where="target",
    )


def _listing(module: ModuleType) -> str:
    names = [f"{key} ({type(value).__name__})" for key, value in _public(module).items()]
    if not names:
        return "It defines no names at all."
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"It holds {', '.join(names[:_MOST_LISTED])}{more}."


def _public(module: ModuleType) -> dict[str, object]:
    return {
        key: value
        for key, value in vars(module).items()
        if not key.startswith("_") and not isinstance(value, ModuleType)
    }
