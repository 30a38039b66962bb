"""The setting `database`: valid database addresses, and how to show one without its password.

Nothing connects here. A PostgreSQL address may contain only options that Doorward understands. Any other would be
passed to the server as a setting, and could disable the promised durability.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from doorward.config.faults import Fault, shown

SQLITE = "sqlite:///"
MEMORY = "memory://"
POSTGRES = ("postgresql://", "postgres://")
_OPTIONS = ("host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile", "application_name")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FORM = "Write postgresql://USER:PASSWORD@HOST/DATABASE"
_HOSTS = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]+)(:[0-9]{1,5})?(,(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(:[0-9]{1,5})?)*"
)


def database(value: str) -> str:
    """Return the address unchanged.

    Raises:
        Fault: Doorward cannot use it. The message never contains what may be a password.
    """
    if is_postgres(value):
        _check_postgres(value)
        return value
    path = value.removeprefix(SQLITE)
    if value == MEMORY or (path not in ("", value) and "?" not in path and not path.startswith(":")):
        return value
    raise _no_database(value)


def is_postgres(value: str | None) -> bool:
    """Return whether the address names a PostgreSQL database."""
    return value is not None and value.startswith(POSTGRES)


def without_password(url: str) -> str:
    """Return a PostgreSQL address without its password, safe to show."""
    authority, rest = _apart(url)
    userinfo, at, hosts = authority.rpartition("@")
    return f"{url.partition('://')[0]}://{userinfo.partition(':')[0]}{at}{hosts}{rest}"


def database_name(url: str) -> str:
    """Return the database name in a PostgreSQL address."""
    return unquote(urlsplit(url).path[1:])


def absolute_database(url: str, base: Path) -> str:
    """Make the path of a SQLite URL absolute, so that it does not depend on the working directory."""
    if not url.startswith(SQLITE):
        return url
    return f"{SQLITE}{(base / url.removeprefix(SQLITE)).absolute()}"


def _no_database(value: str) -> Fault:
    """Return what is wrong with an address; only its scheme is certainly not secret."""
    scheme, separator, rest = value.partition("://")
    known = f"Write {SQLITE}PATH ({SQLITE}/PATH from the root), postgresql://USER:PASSWORD@HOST/DATABASE or {MEMORY}"
    if scheme.startswith(("postgres+", "postgresql+")):
        return Fault(f"the database address names a driver ({shown(scheme)})", "Doorward brings its own.", known)
    if scheme == "sqlite":
        return Fault(f"the SQLite address {'takes no options' if '?' in rest else 'names no file'}", "", known)
    if scheme == "memory":
        return Fault("the memory database has no name and no path", "", known)
    if separator:
        return Fault(f"{shown(scheme)} is not a database Doorward can use", "", known)
    return Fault(
        "the database is not an address",
        "A bare path is not accepted, so that a slip in an address never creates a new, empty file.",
        f"For the file of that name, write {SQLITE}{value}"
        if value and ":" not in value and "@" not in value
        else known,
    )


def _check_postgres(value: str) -> None:
    authority, rest = _apart(value)
    if "@" in rest or authority.count("@") > 1 or "#" in value:
        why = "Other characters than letters, digits, - . _ and ~ are written as % and two hexadecimal digits there."
        raise Fault(
            "the user or the password in the address is not encoded", why, "A @ is %40, a / is %2F, a # is %23."
        )
    if not value.isprintable() or " " in value:
        raise Fault("the address of the database holds a blank or a control character", "", _FORM)
    hosts = authority.rpartition("@")[2]
    parts = urlsplit(value)
    if hosts and not _HOSTS.fullmatch(hosts):
        raise Fault(f"{shown(hosts)} is not a host and port", "", _FORM)
    if not parts.path.strip("/") or "/" in parts.path[1:]:
        raise Fault(
            "the address names no database" if not parts.path.strip("/") else "a database has no path", "", _FORM
        )
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _OPTIONS:
            why = "Among others, it could switch off the durability that Doorward promises."
            raise Fault(f"{shown(name)} is not an option of the address", why, f"There are: {', '.join(_OPTIONS)}.")
        if not text or (name == "sslmode" and text not in _SSL_MODES):
            fix = f"Write one of {', '.join(_SSL_MODES)}." if name == "sslmode" else ""
            raise Fault(f"the option {name} of the address has no such value", "", fix)


def _apart(value: str) -> tuple[str, str]:
    """Split after the host, so that an @ in a password that is not encoded stays in the first part."""
    rest = value.partition("://")[2]
    end = min((at for at in map(rest.find, "/?") if at >= 0), default=len(rest))
    return rest[:end], rest[end:]
