"""Paging through a list, behind a cursor in store order; the cost does not depend on the size of the list.

Hidden records are filtered out here, and only a limited number of records is read per response. So a page may have
fewer items than requested and still name the next page. Does not know what is listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Generic, Protocol, TypeVar

import msgspec

from doorward import base64url
from doorward.administration.operation import Result
from doorward.errors import ConfigError, Problem
from doorward.records.record import Record
from doorward.storage.port import Place, Store

PAGE_LIMIT = 200
MOST_READ = 2000
"""Records read for one page, most of which may be hidden."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=PAGE_LIMIT, description="How many to return at most.")]
Cursor = Annotated[str, msgspec.Meta(max_length=4096, description="`next_cursor` of the page before.")]

T = TypeVar("T")
R = TypeVar("R", bound=Record)
_PLACE = re.compile(r"(\d{16}) (.*)", re.ASCII | re.DOTALL)


class Page(Result, Generic[T], frozen=True, kw_only=True):
    """One page of a list, in a fixed order."""

    items: list[T]
    next_cursor: str | None = None
    """Pass it to get the next page; None: this was the last one."""


class Asked(Protocol):
    """The parameters of every operation that lists."""

    @property
    def limit(self) -> int:
        """The most items to return."""
        ...

    @property
    def cursor(self) -> str | None:
        """The cursor after which to start."""
        ...


async def page_of(
    store: Store,
    record_type: type[R],
    view: Callable[[R], T],
    asked: Asked,
    *,
    after: Place | None = None,
    wanted: Callable[[R], bool] = lambda _: True,
    index: Mapping[str, str] | None = None,
) -> Page[T]:
    """Return the views of the next wanted records after the cursor or, without one, after `after`.

    Raises:
        ConfigError: the cursor did not come from a page.
        Unavailable: the store cannot answer.
    """
    items: list[T] = []
    place = after if asked.cursor is None else read_cursor(asked.cursor)
    looked_at = 0
    while looked_at < MOST_READ:
        rows = await store.page(record_type, limit=asked.limit + 1, after=place, **(index or {}))
        for row in rows:
            if wanted(row.stored.record):
                if len(items) == asked.limit:
                    assert place is not None
                    return Page(items=items, next_cursor=cursor_after(place))
                items.append(view(row.stored.record))
            place = row.place
        if len(rows) <= asked.limit:
            return Page(items=items)
        looked_at += len(rows)
    assert place is not None
    return Page(items=items, next_cursor=cursor_after(place))


def cursor_after(place: Place) -> str:
    """Return the cursor for what follows a place."""
    return base64url.encode(f"{place.at:016} {place.key}".encode())


def read_cursor(cursor: str) -> Place:
    """Return the place of a cursor.

    Raises:
        ConfigError: it is not a cursor of ours.
    """
    try:
        text = base64url.decode(cursor).decode()
    except UnicodeError:
        text = ""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ConfigError([Problem("the cursor did not come from this API", fix="Leave it out to start again.")])
    return Place(int(found[1]), found[2])
