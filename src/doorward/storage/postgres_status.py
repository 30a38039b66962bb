"""Status of a PostgreSQL database for operators, and the command that copies it."""

from __future__ import annotations

from urllib.parse import urlsplit

from doorward.config.database import without_password
from doorward.records.kinds import RECORD_TYPES
from doorward.storage.postgres_connection import connect
from doorward.storage.postgres_faults import FAULTS, start_error
from doorward.storage.postgres_migrations import schema_version
from doorward.storage.postgres_schema import SCHEMA, table_name

_PATIENCE_SECONDS = 600
"""Counting tables with millions of rows takes time."""


async def read_status(url: str) -> dict[str, object]:
    """Return address, versions, sizes and the number of records of each kind.

    Raises:
        StartError: the database cannot be reached or read.
    """
    try:
        connection = await connect(url)
        try:
            await connection.execute(f"SET statement_timeout = '{_PATIENCE_SECONDS}s'")
            tables = await connection.fetch(
                "SELECT format('%s.%s', schemaname, tablename) AS name,"
                " pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass) AS size"
                " FROM pg_catalog.pg_tables WHERE schemaname = $1",
                SCHEMA,
            )
            known = {row["name"] for row in tables}
            return {
                "database": without_password(url),
                "server_version": await connection.fetchval("SHOW server_version"),
                "schema_version": await schema_version(connection),
                "size_bytes": sum(row["size"] for row in tables),
                "records": {
                    # Table names come from RECORD_TYPES, never from a request.
                    each.kind: await connection.fetchval(f"SELECT count(*) FROM {table_name(each)}")  # noqa: S608
                    for each in RECORD_TYPES
                    if table_name(each) in known
                },
            }
        finally:
            connection.terminate()
    except FAULTS as error:
        raise start_error(url, error) from error


async def read_version(url: str) -> int:
    """Return the number of the last migration, or 0 if there was none. Raises `StartError`."""
    try:
        connection = await connect(url)
        try:
            return await schema_version(connection)
        finally:
            connection.terminate()
    except FAULTS as error:
        raise start_error(url, error) from error


def dump_command(url: str, file: str) -> tuple[str, ...]:
    """Return the arguments of a command that writes a consistent copy to `file`; it prompts for the password."""
    return ("pg_dump", "--format=custom", f"--schema={SCHEMA}", f"--file={file}", f"--dbname={without_password(url)}")


def has_password(url: str) -> bool:
    """Return whether the command needs a password that it does not contain."""
    return urlsplit(url).password is not None
