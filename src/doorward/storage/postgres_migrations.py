"""Migrates the schema of a PostgreSQL database: numbered scripts, one transaction each, under one lock.

If a node is killed during a script, the script is rolled back, and the next start runs it. During a rolling upgrade,
old and new programs share one schema, so a script may **only add**: new tables, new indexes, and new columns that are
nullable or have a default. What a release no longer uses may be dropped by the release after it. A script gets its
locks promptly or fails (`lock_timeout`), because every query queues behind a waiting one.

Migration n of PostgreSQL and migration n of SQLite create the same schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from doorward.errors import Problem, StartError
from doorward.storage.postgres_connection import Connection
from doorward.storage.postgres_schema import SCHEMA

_LOCK = 0x444F4F52
"""`DOOR`: the advisory lock that a migrating node holds."""
_WAIT_SECONDS = 60
"""How long to wait while another node migrates."""
_SCRIPT_LOCK_SECONDS = 5


def packaged_migrations() -> tuple[str, ...]:
    """Return the scripts in order; the n-th one creates schema version n."""
    folder = resources.files("doorward.storage").joinpath("migrations", "postgres")
    scripts = sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name)
    return tuple(script.read_text(encoding="utf-8") for script in scripts)


async def migrate(connection: Connection, migrations: Sequence[str]) -> None:
    """Migrate to the latest schema; any number of nodes may do so at once.

    Raises:
        StartError: a newer version of Doorward wrote the schema.
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the server failed.
    """
    if await schema_version(connection) == len(migrations):
        return
    for number, script in enumerate(migrations, start=1):
        async with connection.transaction():
            await connection.execute(
                f"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{_WAIT_SECONDS}s';"
                f" SELECT pg_advisory_xact_lock({_LOCK}); SET LOCAL lock_timeout = '{_SCRIPT_LOCK_SECONDS}s'"
            )
            # Read the version under the lock: another node may have migrated meanwhile.
            version = await schema_version(connection)
            if version > len(migrations):
                raise _newer(version, len(migrations))
            if version < number:
                await connection.execute(script)
                await connection.execute(f"UPDATE {SCHEMA}.schema_version SET version = {number}")  # noqa: S608


async def schema_version(connection: Connection) -> int:
    """Return the number of the last migration, or 0 if there was none."""
    # Not to_regclass(): it answers from a cache that does not see another node's changes within our transaction.
    known = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'schema_version')"
    if not await connection.fetchval(known, SCHEMA):
        return 0
    version: int = await connection.fetchval(f"SELECT version FROM {SCHEMA}.schema_version")  # noqa: S608
    return version


def _newer(version: int, newest: int) -> StartError:
    return StartError(
        Problem(
            what=f"The database was written by a newer Doorward (schema {version}; this one knows {newest}).",
            why="An older program would misread or lose what the newer one stored.",
            fix="Upgrade Doorward, or restore a backup made before the upgrade.",
        )
    )
