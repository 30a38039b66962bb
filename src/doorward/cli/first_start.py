"""The text of the first screen: the URL, how to sign in, and what to paste into a client."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import urlsplit

from doorward.config.model import AuthMode, CommandTarget, Config, DoorSettings, PythonTarget, Target, UrlTarget
from doorward.login.local import OWNER

_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


Doors = Sequence[tuple[str, DoorSettings]]
"""Each door with its URL for clients."""


def render(config: Config, *, doors: Doors, owner_password: str | None, owner_is_new: bool, colour: bool) -> str:
    """Return what a person at a terminal sees when the doors open.

    `owner_password` is shown only if it was generated at this start, so if none was configured.
    """
    made = owner_password if owner_password != config.owner_password else None
    bold, dim, end = (_BOLD, _DIM, _PLAIN) if colour else ("", "", "")
    lines = ["", *(f"  {'MCP URL':8}  {bold}{url}{end}{_remark(door, doors)}" for url, door in doors)]
    sign_in = _sign_in(_auth(config), made, owner_is_new=owner_is_new, marks=(bold, end))
    lines += [f"  {label:8}  {line}" for label, line in zip(("Sign in", ""), sign_in, strict=False)]
    lines += ["", *_snippets(doors, marks=(dim, end))]
    lines += ["", *(f"  {line}" for line in _next(config)), ""]
    return "\n".join(lines)


def _remark(door: DoorSettings, doors: Doors) -> str:
    if len(doors) == 1 or door.auth == "oauth":
        return ""
    return "  (header token)" if door.auth == "token" else "  (no sign-in)"


def _auth(config: Config) -> AuthMode:
    """Return the strictest authentication of any door."""
    asked = {each.auth for each in config.doors}
    return "oauth" if "oauth" in asked else "token" if "token" in asked else "none"


def _sign_in(auth: AuthMode, made: str | None, *, owner_is_new: bool, marks: tuple[str, str]) -> list[str]:
    bold, end = marks
    if auth == "none":
        return ["not needed: everyone who reaches this address can call every tool"]
    if auth == "token":
        return ["with a header token: doorward tokens create --name NAME"]
    if made:
        return [f"as {bold}{OWNER}{end} with the password {bold}{made}{end}", "(shown only now; it is not stored)"]
    if owner_is_new:
        return [f"as {bold}{OWNER}{end} with the password that was configured (owner_password)"]
    return [f"as {bold}{OWNER}{end} with its password (forgotten: doorward users password {OWNER})"]


def _snippets(doors: Doors, *, marks: tuple[str, str]) -> list[str]:
    dim, end = marks
    claude: list[str] = []
    entries: dict[str, dict[str, object]] = {}
    for url, door in doors:
        name = server_name(door.target) if len(doors) == 1 else door.name
        command, entry = f"claude mcp add --transport http {name} {url}", dict[str, object](url=url)
        if door.auth == "token":
            command += " --header 'Authorization: Bearer TOKEN'"
            entry["headers"] = {"Authorization": "Bearer TOKEN"}
        claude.append(command)
        entries[name] = entry
    vscode = {"servers": {name: {"type": "http", **entry} for name, entry in entries.items()}}
    return [
        f"  {dim}Claude Code{end}",
        *(f"    {command}" for command in claude),
        f"  {dim}VS Code, .vscode/mcp.json{end}",
        f"    {json.dumps(vscode)}",
        f"  {dim}Cursor, .cursor/mcp.json{end}",
        f"    {json.dumps({'mcpServers': entries})}",
    ]


def _next(config: Config) -> list[str]:
    if _auth(config) == "none":
        return []
    place = "" if config.data_dir.name == ".doorward" else f" --data-dir {shlex.quote(str(config.data_dir))}"
    lines = [f"A token for a script:        doorward tokens create --name NAME{place}"]
    if _auth(config) == "oauth":
        lines += [
            f"Pre-register a client:       doorward clients add --preset claude{place}",
            f"Add a person:                doorward users add NAME{place}",
        ]
    return lines


def server_name(target: Target | None) -> str:
    """Return a short name for the server, for a client's configuration file."""
    match target:
        case PythonTarget(location):
            text = PurePath(location).stem if location.endswith(".py") else location.rpartition(".")[2]
        case UrlTarget(url):
            text = (urlsplit(url).hostname or "").split(".")[0]
        case CommandTarget(arguments):
            words = [word for word in arguments if not word.startswith("-")]
            text = PurePath(words[1] if len(words) > 1 else words[0] if words else "").stem
        case None:
            text = ""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return name if name and not name.isdigit() and name not in ("server", "main", "app", "localhost") else "doorward"
