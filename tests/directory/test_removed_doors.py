"""What ends with a door."""

from __future__ import annotations

import msgspec
import pytest
from storage.samples import least

from doorward.clock import FixedClock
from doorward.directory.removed_doors import end_all_of
from doorward.records.accounts import HeaderToken
from doorward.records.changes import Insert
from doorward.records.oauth import Consent, Grant
from doorward.storage.memory import MemoryStore

CLOCK = FixedClock()


async def left_after(*records) -> list[str]:
    """Return the keys of what still opens something after the door `time` at `https://mcp.example/time/mcp` is gone."""
    store = MemoryStore()
    await store.open()
    await store.apply([Insert(each) for each in records])
    await end_all_of(store, CLOCK, name="time", url="https://mcp.example/time/mcp")
    found = [each.record for kind in (Grant, Consent, HeaderToken) for each in await store.find(kind)]
    return sorted(each.key for each in found if getattr(each, "revoked_at", None) is None)


def grant(key: str, resource: str) -> Grant:
    return msgspec.structs.replace(least(Grant, key), resource=resource, revoked_at=None)


@pytest.mark.parametrize(
    ("resource", "stays"),
    [
        ("https://mcp.example/time/mcp", False),
        ("http://127.0.0.1:8000/time/mcp", False),  # the same installation, before it had a public URL
        ("https://mcp.example/time", True),
        ("https://mcp.example/time/mcp/x", True),
        ("https://mcp.example/other/time/mcp", True),
        ("https://mcp.example/notes/mcp", True),
    ],
)
async def test_grants_and_consents_of_its_path_end_and_no_others(resource, stays):
    consent = msgspec.structs.replace(least(Consent, "consent"), resource=resource)
    assert await left_after(grant("grant", resource), consent) == (["consent", "grant"] if stays else [])


@pytest.mark.parametrize(("door", "stays"), [("time", False), ("notes", True), ("", True)])
async def test_header_tokens_of_its_name_end_and_no_others(door, stays):
    token = msgspec.structs.replace(least(HeaderToken, "token"), door=door)
    assert await left_after(token) == (["token"] if stays else [])


async def test_many_are_ended_page_by_page():
    many = [grant(f"grant {number}", "https://mcp.example/time/mcp") for number in range(450)]
    assert await left_after(*many, grant("other", "https://mcp.example/notes/mcp")) == ["other"]


async def test_nothing_ends_if_nobody_knows_where_the_door_was():
    store = MemoryStore()
    await store.open()
    kept = grant("grant", "https://mcp.example")
    await store.apply([Insert(kept)])
    await end_all_of(store, CLOCK, name="time", url="")
    assert (await store.get(Grant, "grant")).record == kept
