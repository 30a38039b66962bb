"""Parses TARGET: a Python file or module, a URL, or a command.

Nothing is imported, started or connected here; whether the target works shows when it starts.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from doorward.config.faults import Fault, shown
from doorward.config.model import CommandTarget, PythonTarget, Target, UrlTarget
from doorward.secret_shapes import mask_urls

LABEL_CHARACTERS = 63
"""The longest label of a host name."""
FORMS = "A target is file.py[:name], package.module[:name], http(s)://host/path, or -- COMMAND ARGS."
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_RUNNERS = {
    ".js": "node",
    ".mjs": "node",
    ".cjs": "node",
    ".ts": "npx tsx",
    ".rb": "ruby",
    ".sh": "sh",
    ".go": "go run",
}


def parse_target(given: str | Sequence[str], base: Path) -> Target:
    """Parse a target. A sequence is a command; a relative file is relative to `base`.

    Raises:
        Fault: it is none of the four forms, or names a file that does not exist.
    """
    if not isinstance(given, str):
        return _command(given)
    text = given.strip()
    if text == "--" or text.startswith("-- "):
        return _command(_split(text[2:]))
    if re.match(r"https?://", text, re.IGNORECASE):
        return _url(text)
    if "://" in text:
        raise Fault(f"{shown(text)} is not an http or https URL", FORMS)
    return _python(text, base)


def spelled(target: Target) -> str:
    """Return the target as a user would write it, with the credentials of its URLs masked."""
    match target:
        case PythonTarget(location, name):
            return f"{location}:{name}" if name else location
        case UrlTarget(url):
            return mask_urls(url)
        case CommandTarget(arguments):
            return f"-- {shlex.join(map(mask_urls, arguments))}"


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Fault(f"{shown(text)} is not a command: {str(error).lower()}", FORMS) from None


def _command(arguments: Sequence[str]) -> CommandTarget:
    if not arguments or not arguments[0]:
        raise Fault("the command is empty", FORMS, "Write it after the two dashes: -- npx -y some-server")
    return CommandTarget(tuple(arguments))


def _url(text: str) -> UrlTarget:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Fault(f"{shown(text)} is not a URL: {error}", FORMS) from None
    if not host:
        raise Fault(f"{shown(text)} has no host", FORMS)
    if ":" not in host and not all(0 < len(label) <= LABEL_CHARACTERS for label in host.removesuffix(".").split(".")):
        raise Fault(
            f"the host of {shown(text)} is no name", f"Each part between dots has 1 to {LABEL_CHARACTERS} characters."
        )
    if parts.username is not None:
        raise Fault(f"{shown(text)} holds a credential", "Addresses are printed and logged; credentials are not.")
    if parts.fragment or re.search(r"[\s\x00-\x1f]", text):
        raise Fault(f"{shown(text)} holds a fragment or a blank", "Neither can be sent to a server.")
    return UrlTarget(text)


def _python(text: str, base: Path) -> PythonTarget:
    location, name = _name_apart(text)
    if name is not None and not name.isidentifier():
        if name.split("/")[0].isdigit():
            raise Fault(f"{shown(text)} looks like an address without a scheme", FORMS, f"Write http://{text}")
        raise Fault(f"{shown(name)} is not a name in a Python file", FORMS)
    if location.endswith(".py"):
        return PythonTarget(_existing(location, base), name)
    path = base / location
    if path.is_file():
        runner = _RUNNERS.get(path.suffix)
        raise Fault(
            f"{shown(text)} is not a Python file",
            FORMS,
            f"To start it as a command: -- {runner} {location}" if runner else "To start it as a command: -- COMMAND",
        )
    if path.is_dir():
        raise Fault(f"{shown(text)} is a directory", FORMS, "Name the file in it that holds the server.")
    if " " in text:
        raise Fault(f"{shown(text)} looks like a command", FORMS, f"Put two dashes before it: -- {text}")
    if not _MODULE.fullmatch(location):
        raise Fault(f"{shown(text)} is not a target", FORMS)
    if (base / f"{location}.py").is_file() and "." not in location:
        return PythonTarget(str(base / f"{location}.py"), name)
    return PythonTarget(location, name)


def _name_apart(text: str) -> tuple[str, str | None]:
    head, colon, tail = text.rpartition(":")
    drive = len(head) == 1 and tail[:1] in ("\\", "/")
    return (head, tail) if colon and not drive else (text, None)


def _existing(location: str, base: Path) -> str:
    path = (base / location).absolute()
    if path.is_file():
        return str(path)
    why = f"Looked for {path}."
    near = sorted(each.name for each in path.parent.glob("*.py"))[:5] if path.parent.is_dir() else []
    raise Fault(
        f"there is no file {shown(location)}", why, f"Python files in that directory: {', '.join(near)}" if near else ""
    )
