from __future__ import annotations

import pytest

from doorward.config.database import database, database_name, is_postgres, without_password
from doorward.config.faults import Fault


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@db/door",
        "postgres://u:p@db/door",
        "postgresql://u@db:5433/door",
        "postgresql://db/door",
        "postgresql://u:p%40%2F%23@127.0.0.1/door",
        "postgresql://u:p@[::1]:5432/door",
        "postgresql://u:p@one:5432,two:5433/door",
        "postgresql:///door?host=/var/run/postgresql",
        "postgresql://u@/door?host=/run/postgresql&port=5433",
        "postgresql://u:p@db/door?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql://u:p@db/d%C3%BCr",
    ],
)
def test_an_address_of_postgres_is_kept_as_it_is(url):
    assert database(url) == url
    assert is_postgres(url)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("postgresql://u:hun@ter2@db/door", "not encoded"),
        ("postgresql://u:hun/ter2@db/door", "not encoded"),
        ("postgresql://u:hun?ter2@db/door", "not encoded"),
        ("postgresql://u:hun#ter2@db/door", "not encoded"),
        ("postgresql://u:hunter2@db/door#x", "not encoded"),
        ("postgresql://u:hunter2@db", "names no database"),
        ("postgresql://u:hunter2@db/", "names no database"),
        ("postgresql://u:hunter2@db/door/hunter2", "no path"),
        ("postgresql://u:hunter2@db:x/door", "not a host"),
        ("postgresql://u:hunter2@d b/door", "blank"),
        ("postgresql://u:hunter2@db/door\n", "control character"),
        ("postgresql://u@db/door?password=hunter2", '"password" is not an option'),
        ("postgresql://u:hunter2@db/door?synchronous_commit=off", "is not an option"),
        ("postgresql://u:hunter2@db/door?options=-csynchronous_commit%3Doff", "is not an option"),
        ("postgresql://u:hunter2@db/door?target_session_attrs=standby", "is not an option"),
        ("postgresql://u:hunter2@db/door?sslmode=hunter2", "sslmode"),
        ("postgresql://u:hunter2@db/door?sslrootcert=", "sslrootcert"),
        ("postgresql+asyncpg://u:hunter2@db/door", "driver"),
        ("mysql://u:hun/ter2@db/door", "mysql"),
        ("u:hunter2@db/door", "not an address"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_its_password(url, what):
    with pytest.raises(Fault) as caught:
        database(url)
    assert what in caught.value.what
    assert "ter2" not in f"{caught.value.what} {caught.value.why} {caught.value.fix}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@db/door", "postgresql://u@db/door"),
        ("postgresql://u@db:5433/door?sslmode=require", "postgresql://u@db:5433/door?sslmode=require"),
        ("postgresql:///door?host=/run", "postgresql:///door?host=/run"),
    ],
)
def test_an_address_is_shown_without_its_password(url, shown):
    assert without_password(url) == shown


def test_the_name_of_a_database_is_decoded():
    assert database_name("postgresql://u@db/d%C3%BCr") == "dür"
