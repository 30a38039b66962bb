"""Which pages there are."""

from __future__ import annotations

import pytest
from world import world

PAGES = ["/-/login", "/-/consent", "/-/connections", "/-/static/pages.css"]


@pytest.mark.parametrize("has_devices", [True, False])
async def test_the_page_for_devices_exists_only_with_their_grant(tmp_path, has_devices):
    async with world(tmp_path, device_grant=has_devices) as w:
        served = set(w.door.running.router.routes)
    assert ("/-/device" in served) is has_devices
    assert served.issuperset(PAGES)


async def test_there_are_no_pages_without_sign_in(tmp_path):
    async with world(tmp_path, auth="token") as w:
        assert served_pages(w) == set()


def served_pages(w) -> set[str]:
    return {path for path in w.door.running.router.routes if path in PAGES}
