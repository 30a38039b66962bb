"""Classifies PostgreSQL errors: a lost race, a database that can't answer now, or one that can't be used.

Messages name the server's own error and its address, but never the URL, which may hold a password.
"""

from __future__ import annotations

import os
import ssl
from urllib.parse import unquote, urlsplit

import asyncpg

from doorward.errors import Problem, StartError, Unavailable

FAULTS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Everything that asyncpg raises when the database fails; `TimeoutError` is an `OSError`."""
RETRIED = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the server rolled the transaction back and asks for a retry."""

ENDS_SESSION = ("08", "57P", "25006")
"""Prefixes of codes after which a session is unusable: lost, shut down, or on a server that became a replica."""

POOLED = frozenset({"26000", "42P05"})
"""A prepared statement is missing or exists already: the transaction runs in another session than ours."""

_PASSWORD = frozenset({"28P01", "28000"})
_NOT_READY = frozenset({"57P01", "57P02", "57P03", "53300"})


_POOLER_WHAT = "It is behind a pooler in transaction mode."
_POOLER_FIX = "Use session mode (PgBouncer: pool_mode = session), or name the database server itself in `database`."


def unavailable(error: Exception) -> Unavailable:
    """Return the `Unavailable` for an error, with the error as its cause."""
    name = getattr(error, "sqlstate", None) or type(error).__name__
    hint = f" {_POOLER_WHAT} {_POOLER_FIX}" if name in POOLED else ""
    failure = Unavailable(f"The database cannot answer now ({name}).{hint}")
    failure.__cause__ = error
    return failure


def start_error(url: str, error: Exception) -> StartError:
    """Return why the database cannot be used, and what to do."""
    where, database, user = _place(url)
    state = getattr(error, "sqlstate", None)
    if state in POOLED:
        return pooler_error(url)
    what = f"The database server at {where} cannot be reached."
    why = f"{type(error).__name__}: {error}" if isinstance(error, asyncpg.PostgresError) else _reason(error)
    fix = "Check host, port and files in the setting `database`, and that the server lets this machine in."
    if state in _PASSWORD:
        what = f"The database server at {where} does not let {user} in."
        fix = "Check user and password in the setting `database`; a `@`, `/` or `%` in the password is written as %XX."
    elif state == "3D000":
        what = f"The server at {where} has no database {database!r}."
        fix = f"Create it: createdb -O {user} {database}"
    elif state == "42501":
        what = f"{user} may not create the tables of Doorward in the database {database!r}."
        fix = f"As its owner: CREATE SCHEMA doorward AUTHORIZATION {user};"
    elif state in _NOT_READY:
        what = f"The database server at {where} takes no connections now."
        fix = "Start again when it is up; or give it more connections (max_connections)."
    elif isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        what = f"The database server at {where} is a replica, or read-only."
        fix = "Name the primary: what is acknowledged there is not yet on a replica."
    elif isinstance(error, ssl.SSLError):
        what = f"No protected connection to the database server at {where}."
        fix = "Check sslmode and sslrootcert in the setting `database`."
    elif isinstance(error, asyncpg.PostgresError | asyncpg.ClientConfigurationError):
        what = f"The database {database!r} at {where} cannot be used."
        fix = "Check the setting `database`, and the log of the database server."
    return StartError(Problem(what=what, why=why, fix=fix))


def pooler_error(url: str) -> StartError:
    """Return the error for a pooler in transaction mode, and what to do."""
    where, database, _ = _place(url)
    return StartError(
        Problem(
            what=f"The database {database!r} at {where} is behind a pooler in transaction mode.",
            why="Each transaction may run in another session there. Prepared statements and the setting"
            " synchronous_commit are lost, and so may be what was acknowledged.",
            fix=_POOLER_FIX,
        )
    )


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    number = getattr(error, "errno", None)
    return f"The operating system says: {os.strerror(number)}." if number else f"{type(error).__name__}: {error}"


def _place(url: str) -> tuple[str, str, str]:
    """Return host and port, database, and user: the parts of the URL that are safe to show."""
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    user = unquote(userinfo.partition(":")[0]) or "this account"
    return host or "its socket", unquote(parts.path[1:]), user
