"""A page of a list: read behind a cursor in the order of the store, at a cost that has nothing to do with its size.

What is not to be shown is left out here, and only so many records are looked at for one answer: a page may hold fewer
items than were asked for and still name the next one. It knows nothing of what is listed.
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
"""Records looked at for one page, of which most may be of those that are not shown."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=PAGE_LIMIT, description="How many to return at most.")]
Cursor = Annotated[str, msgspec.Meta(max_length=4096, description="`next_cursor` of the page before.")]

T = TypeVar("T")
R = TypeVar("R", bound=Record)
_PLACE = re.compile(r"(\d{16}) (.*)", re.ASCII | re.DOTALL)


class Page(Result, Generic[T], frozen=True, kw_only=True):
    """Some of a list, in a fixed order."""

    items: list[T]
    next_cursor: str | None = None
    """Hand it in to get the next page; None: this was the last one."""


class Asked(Protocol):
    """What every operation that lists is told."""

    @property
    def limit(self) -> int:
        """How many to return at most."""
        ...

    @property
    def cursor(self) -> str | None:
        """Behind what to begin."""
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
    """Return the views of the next wanted records behind the cursor or, where there is none, behind `after`.

    Raises:
        ConfigError: no page ended with such a cursor.
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
    """Return the cursor of what follows a place."""
    return base64url.encode(f"{place.at:016} {place.key}".encode())


def read_cursor(cursor: str) -> Place:
    """Return the place that the cursor stands for.

    Raises:
        ConfigError: it is none of ours.
    """
    try:
        text = base64url.decode(cursor).decode()
    except UnicodeError:
        text = ""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ConfigError([Problem("the cursor is none of ours", fix="Leave it out to begin anew.")])
    return Place(int(found[1]), found[2])
